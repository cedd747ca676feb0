"""Say on one line what is wrong with what `clearing perp` is given.

::

    InputError
    └─ PerpInputError          an option of `clearing perp`
       ├─ AmountError          a size, an amount of USD, a percentage or a price cannot be used
       ├─ MarketError          no market has this name or number, or several have
       ├─ AccountError         the account is not there, or not the key's
       ├─ PositionError        there is a position where there must be none, or none to act on
       ├─ PriceError           the price is worse than the limit
       ├─ KeyFileError         the key cannot be read
       ├─ HistoryError         a range of blocks cannot be read
       ├─ NotConfirmedError    the question was not answered with yes; nothing was sent
       └─ TradeRefusedError    the contracts would refuse; names the option and what would pass
"""

from __future__ import annotations

from clearing.risk.errors import InputError

__all__ = [
    "AccountError",
    "AmountError",
    "HistoryError",
    "KeyFileError",
    "MarketError",
    "NotConfirmedError",
    "PerpInputError",
    "PositionError",
    "PriceError",
    "TradeRefusedError",
]


class PerpInputError(InputError):
    """An option of `clearing perp` cannot be used."""


class AmountError(PerpInputError):
    """A number has the wrong sign, is too large, or has no percent sign."""


class MarketError(PerpInputError):
    """No market has this name or number, or several have the name."""


class AccountError(PerpInputError):
    """The account does not exist, or the key may not act for it."""


class PositionError(PerpInputError):
    """A position is there that must not be, or none is there to change."""


class PriceError(PerpInputError):
    """The price that the vault asks is worse than the limit."""


class KeyFileError(PerpInputError):
    """The file of the key cannot be read, or its passphrase is wrong."""


class HistoryError(PerpInputError):
    """A range of blocks is empty or beyond the chain."""


class NotConfirmedError(PerpInputError):
    """The question was not answered with yes."""


class TradeRefusedError(PerpInputError):
    """The contracts would refuse the transaction as it stands; nothing was sent."""
