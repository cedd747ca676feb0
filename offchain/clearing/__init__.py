"""Clear trades between brokers: the protocol's specification, client and command line."""

__all__: list[str] = []
