"""Alembic's entry: runs the scripts on the connection that `migrate.py` hands over."""

from alembic import context

from cx_pipeline.adapters.database.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
