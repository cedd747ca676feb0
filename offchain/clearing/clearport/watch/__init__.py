"""Meet the chain: watch channels on it, and send what is wanted of it."""

__all__: list[str] = []
