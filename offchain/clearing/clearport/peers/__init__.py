"""Bring two brokers' daemons together: one stream to each peer, both ends proven."""

__all__: list[str] = []
