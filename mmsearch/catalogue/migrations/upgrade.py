"""Brings a catalogue to the current schema, in one transaction, without an alembic.ini."""

from __future__ import annotations

import logging
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config

from mmsearch.catalogue.schema_version import APPLICATION_ID, SCHEMA_VERSION
from mmsearch.errors import CatalogueError

if TYPE_CHECKING:
    from mmsearch.catalogue.database import Database

logger = logging.getLogger(__name__)

WAL_ATTEMPTS = 100
WAL_PAUSE_S = 0.05


def upgrade(database: Database) -> None:
    """Run the revisions that a catalogue lacks, an empty file from the first one.

    Raises:
        CatalogueError: It cannot be written, or its history is not ours.
    """
    if not database.writable:
        raise CatalogueError(
            f"catalogue {database.path} has an older schema but is read-only: "
            "open it once where it can be written"
        )
    _use_write_ahead_log(database)
    with database.write() as connection:
        # Another process may have upgraded it while this one waited for the lock.
        before = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if before >= SCHEMA_VERSION:
            return
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
    logger.info("upgraded %s from schema %d to %d", database.path, before, SCHEMA_VERSION)


def _use_write_ahead_log(database: Database) -> None:
    """Switch the journal mode; SQLite does not wait for others here, so this does."""
    for attempt in range(WAL_ATTEMPTS):
        try:
            database.read("PRAGMA journal_mode = WAL")
        except CatalogueError as exc:
            locked = isinstance(exc.__cause__, sqlite3.OperationalError)
            if not locked or attempt == WAL_ATTEMPTS - 1:
                raise
            time.sleep(WAL_PAUSE_S)
        else:
            return
