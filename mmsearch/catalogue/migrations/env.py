"""Alembic's entry: runs the revisions on the connection that `upgrade.py` hands over."""

from alembic import context

from mmsearch.catalogue.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # The caller's BEGIN IMMEDIATE holds the lock and commits everything at once.
    transactional_ddl=True,
)
context.run_migrations()
