"""Answer operators: `clearport.desk.Desk` over the lanes, the store, the account and the peers."""

from __future__ import annotations

from clearing.clearport.daemon.desk_channels import ChannelDesk
from clearing.clearport.daemon.desk_money import MoneyDesk
from clearing.clearport.daemon.desk_news import NewsDesk
from clearing.clearport.daemon.office import Office
from clearing.clearport.desk import Desk

__all__ = ["FrontDesk", "make_desk"]


class FrontDesk(ChannelDesk, MoneyDesk, NewsDesk):
    """All parts of the desk, over one office."""


def make_desk(office: Office) -> Desk:
    """Return the desk of an office."""
    return FrontDesk(office)
