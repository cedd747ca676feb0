"""Keep what must survive: the `Store` port over SQLite or PostgreSQL."""

from clearing.clearport.store.backup import Manifest, Owner, backup, restore
from clearing.clearport.store.schema import upgrade
from clearing.clearport.store.store import SqlStore

__all__ = ["Manifest", "Owner", "SqlStore", "backup", "restore", "upgrade"]
