WANTED: dict[str, tuple[str, ...]] = {}
