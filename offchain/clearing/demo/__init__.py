"""Play the protocol's main job on an embedded chain, as a story for people or as facts."""

__all__: list[str] = []
