"""The steps from one set of tables to the next, for alembic."""

__all__: list[str] = []
