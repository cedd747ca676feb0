"""Say on one line what is wrong with what `clearing govern` is given.

::

    InputError
    └─ GovernInputError       an option or a file of `clearing govern`
       ├─ ActionsError        the YAML of actions
       ├─ MetadataError       the Markdown of a proposal
       ├─ ProposalError       no such proposal, or not in a state for this
       └─ NotConfirmedError   the question was not answered with yes; nothing was sent
"""

from __future__ import annotations

from clearing.risk.errors import InputError

__all__ = [
    "ActionsError",
    "GovernInputError",
    "MetadataError",
    "NotConfirmedError",
    "ProposalError",
]


class GovernInputError(InputError):
    """An option or a file of `clearing govern` cannot be used."""


class ActionsError(GovernInputError):
    """The file of actions names no call that there is."""


class MetadataError(GovernInputError):
    """The Markdown has no title, or holds what only the command may write."""


class ProposalError(GovernInputError):
    """There is no such proposal, or nothing to do with it now."""


class NotConfirmedError(GovernInputError):
    """Nothing was sent."""
