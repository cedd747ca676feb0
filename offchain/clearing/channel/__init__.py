"""Sign, encode and judge the states of a channel: pure functions over the specification's types."""

__all__: list[str] = []
