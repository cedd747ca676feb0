"""Operate clearing daemons, as the demo does."""

from clearing.demo.desk import COLLATERAL, Desk, join, meet, open_channel

__all__ = ["COLLATERAL", "Desk", "join", "meet", "open_channel"]
