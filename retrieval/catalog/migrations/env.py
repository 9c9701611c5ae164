"""Run by alembic. The caller owns the connection and its transaction, so that a failed upgrade leaves nothing."""

from __future__ import annotations

from alembic import context

from retrieval.catalog.migrate import VERSION_TABLE
from retrieval.catalog.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
