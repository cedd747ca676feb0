"""Run the protocol for one broker: agree on states with the peer, keep them, act on the chain."""

__all__: list[str] = []
