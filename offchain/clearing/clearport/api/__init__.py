"""Serve the operator API over a Desk, and speak to it: server, client, commands."""

__all__: list[str] = []
