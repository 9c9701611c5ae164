"""Brings a store to the tables this code knows, and refuses one that a newer Watchfloor wrote."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, Table, Text, inspect, select

from retrieval.catalog.database import Database
from retrieval.errors import StoreError, StoreTooNew

# the newest revision in migrations/versions; a test holds the two together, so that opening need not load alembic
HEAD = "0012"
VERSION_TABLE = "catalog_version"
# any number, the same in every Watchfloor
_UPGRADE_LOCK = 0x77617463
_version = Table(VERSION_TABLE, MetaData(), Column("version_num", Text))


def migrate(database: Database) -> None:
    """Upgrade in one transaction; at the newest revision already, only one row is read.

    Raises StoreTooNew for a revision this code does not know, StoreError for a damaged, foreign or unwritable store.
    """
    with database.read() as connection:
        if _current(connection) == HEAD:
            return
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            # of several processes that find an empty database one makes the tables; SQLite's writers take turns anyway
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_UPGRADE_LOCK})")
        current = _current(connection)
        if current != HEAD:
            _upgrade(connection, current)


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(select(_version.c.version_num)).scalar()


def _upgrade(connection: Connection, current: str | None) -> None:
    # alembic takes half a second to import; a store at the newest revision never needs it
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    if current is None and inspect(connection).get_table_names():
        raise StoreError("this database holds tables that are not Watchfloor's; give an empty one")
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise StoreTooNew(
            f"the store is at revision {current}, and this Watchfloor knows revisions up to {HEAD}: a newer one wrote it; upgrade this one"
        )
    command.upgrade(config, "head")
