"""Run the migrations on the connection that whoever migrates hands in."""

from alembic import context

from clearing.clearport.store.tables import METADATA

__all__: list[str] = []

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
