"""Say in the words of the command line why the contracts refuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from clearing.chain.errors import CallRefusedError, ChainError
from clearing.perp.errors import PerpInputError, PositionError, TradeRefusedError
from clearing.perp.figures import money, size_text
from clearing.spec.oracle_types import Gate, PriceState
from clearing.spec.perp_types import MAX_MARKETS_PER_ACCOUNT, MarketStatus, Pause

__all__ = ["Options", "translated"]


@dataclass(frozen=True, slots=True)
class Options:
    """Which option names what in a command: the amount, the price; and the market's unit."""

    amount: str
    price: str = "--max-slippage"
    unit: str = "units"


Parts = tuple[str, str, str]


def translated(refusal: CallRefusedError, options: Options) -> PerpInputError | ChainError:
    """Return the refusal as an error of the option to change, or itself if no option would help."""
    say = _WORDS.get(refusal.name)
    if say is None:
        return refusal
    parts = say(options, *refusal.args_)
    if refusal.name == "NoPosition":
        return PositionError(*parts)
    return TradeRefusedError(*parts)


def _under_margin(o: Options, _account: int, equity: int, required: int) -> Parts:
    problem = f"equity would be {money(equity)} USD, and {money(required)} are required"
    return o.amount, problem, "make it smaller, or deposit more"


def _bankrupt(_o: Options, account: int, equity: int) -> Parts:
    return "--account", f"account {account} is worth {money(equity)} USD", "deposit first"


def _price_limit(o: Options, _quote: int, _limit: int) -> Parts:
    return o.price, "the price moved beyond the limit", "look again, or allow more"


def _skew(o: Options, net: int, most: int) -> Parts:
    problem = f"the vault would stand against {size_text(net)} {o.unit}, at most {size_text(most)}"
    return o.amount, problem, "make it smaller"


def _vault_cap(o: Options, _market: int, notional: int, cap: int) -> Parts:
    problem = f"the vault would carry {money(notional)} USD of this market, at most {money(cap)}"
    return o.amount, problem, "make it smaller"


def _vault_below(_o: Options, equity: int) -> Parts:
    problem = f"does not trade: the vault is worth {money(equity)} USD"
    return "--market", problem, "wait until a keeper has absorbed its loss, or somebody given it"


def _vault_would_owe(o: Options, equity: int) -> Parts:
    problem = f"is the last that the vault holds there, which would leave it {money(equity)} USD"
    return o.amount, problem, "leave a little open until a keeper has absorbed the vault's loss"


def _interest(o: Options, _market: int, lots: int, most: int) -> Parts:
    problem = f"open interest would be {size_text(lots)} {o.unit}, at most {size_text(most)}"
    return o.amount, problem, "make it smaller"


def _open_cap(o: Options, _market: int, lots: int, cap: int) -> Parts:
    problem = (
        f"one price source is missing, and {size_text(lots)} {o.unit} would be opened "
        f"in ten minutes, at most {size_text(cap)}"
    )
    return o.amount, problem, "make it smaller, or wait for ten minutes"


def _too_small(o: Options, _market: int, _account: int, notional: int) -> Parts:
    problem = f"a position of {money(notional)} USD would be left, which is below the least one"
    return o.amount, problem, "see clearing perp markets for it, or close the position"


def _too_many(_o: Options, account: int) -> Parts:
    problem = f"account {account} is in {MAX_MARKETS_PER_ACCOUNT} markets already"
    return "--market", problem, "close one of its positions first"


def _paused(_o: Options, _market: int, mask: int) -> Parts:
    named = " ".join(str(bit.name) for bit in Pause if bit & mask)
    return "--market", f"is paused: {named}", "wait until the pause is over"


def _feed(_o: Options, _market: int, state: int, gates: int) -> Parts:
    named = " ".join(str(gate.name) for gate in Gate if gate & gates)
    problem = f"its feed is {PriceState(state).name}" + (f", gates {named}" if named else "")
    return "--market", problem, "see clearing oracle status for what it waits for"


def _not_live(_o: Options, _market: int, status: int) -> Parts:
    ended = MarketStatus(status) is MarketStatus.SETTLED
    fix = (
        "use leave: it closes at the market's last price"
        if ended
        else "only close what is open there"
    )
    return "--market", f"is {MarketStatus(status).name}, not LIVE", fix


def _not_owner(_o: Options, account: int, _caller: str) -> Parts:
    return "--key", f"is not the owner of account {account}", "use the owner's key"


def _not_trader(_o: Options, account: int, _caller: str) -> Parts:
    problem = f"is neither the owner nor a session key of account {account}"
    return "--key", problem, "use one that is"


def _cash(o: Options, account: int, cash: int, want: int) -> Parts:
    problem = f"account {account} has {money(cash)} USD of cash, {money(want)} are asked for"
    return o.amount, problem, "ask for less, or close positions"


def _expired(_o: Options, _deadline: int) -> Parts:
    return "--deadline", "was over before the transaction ran", "allow more seconds"


def _nowhere(_o: Options, account: int) -> Parts:
    return "--account", f"there is no account {account}", "write the number of an account"


def _no_trader(_o: Options, account: int) -> Parts:
    return "--account", f"account {account} is the protocol's", "write one of your own"


def _no_address(_o: Options) -> Parts:
    return "--to", "is the zero address, or the ledger itself", "write who shall receive it"


def _no_position(_o: Options, account: int, _market: int) -> Parts:
    return "--market", f"account {account} has no position there", "name a market that it is in"


_WORDS: Final[Mapping[str, Callable[..., Parts]]] = {
    "UnderInitialMargin": _under_margin,
    "Bankrupt": _bankrupt,
    "PriceLimit": _price_limit,
    "SkewTooHigh": _skew,
    "VaultCapReached": _vault_cap,
    "VaultMustBeAbsorbed": _vault_below,
    "VaultWouldOwe": _vault_would_owe,
    "OpenInterestTooHigh": _interest,
    "OpenCapReached": _open_cap,
    "BelowMinNotional": _too_small,
    "TooManyMarkets": _too_many,
    "Paused": _paused,
    "FeedForbids": _feed,
    "MarketNotLive": _not_live,
    "NotOwner": _not_owner,
    "NotTrader": _not_trader,
    "CashTooLow": _cash,
    "Expired": _expired,
    "UnknownAccount": _nowhere,
    "NoTrader": _no_trader,
    "NoPosition": _no_position,
    "ZeroAddress": _no_address,
}
