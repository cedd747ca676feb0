"""Stand guard for a broker that is away: answer stale challenges with the newest exported state.

Holds a key for gas and co-signed states, nothing that could sign one.
"""

__all__: list[str] = []
