"""Run by Alembic: apply revisions on the connection that `models.database` hands over, inside its transaction."""

from alembic import context

from models.database import VERSION_TABLE
from models.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,  # SQLite can, though Alembic doubts it: a migration that dies leaves the older schema
)
context.run_migrations()
