"""Risk factors from daily closes, and the risk of a channel from text that people write."""

__all__: list[str] = []
