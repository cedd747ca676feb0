"""Reach a chain: contracts and their artifacts, deployment, transactions, logs."""

__all__: list[str] = []
