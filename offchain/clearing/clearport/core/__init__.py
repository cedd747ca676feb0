"""Decide what a broker does next with a channel: pure transitions, no clock, no I/O."""

__all__: list[str] = []
