"""A chain of one's own, with contracts, money and prices, to try the daemon on.

Nothing here is used by the daemon; it runs on test chains alone, on this machine.
"""

__all__: list[str] = []
