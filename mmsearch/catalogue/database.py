"""One SQLite file: opening it, reading by plain SQL, writing in transactions.

The same connection serves both: `read` is `sqlite3` alone, `write` wraps it in SQLAlchemy.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote

from mmsearch.catalogue.schema_version import (
    APPLICATION_ID,
    OLDEST_READABLE,
    SCHEMA_VERSION,
)
from mmsearch.errors import CatalogueError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

BUSY_TIMEOUT_S = 60.0
SMALLEST_FILE_BYTES = 512

_DAMAGED = ("not a database", "malformed", "corrupt", "Could not decode")
"""What SQLite's messages say, and sqlite3's, where a file is damaged."""

SqlValue: TypeAlias = int | float | str | bytes | None


class Database:
    """An open catalogue file. Not to be used by two threads at once."""

    def __init__(self, path: Path, raw: sqlite3.Connection, *, writable: bool) -> None:
        self.path = path
        self.writable = writable
        self._raw = raw
        self._engine: Engine | None = None

    def read(self, sql: str, parameters: Sequence[SqlValue] = ()) -> list[sqlite3.Row]:
        """All rows of a query; callers page large results, as no cursor stays open."""
        with clear_errors(self.path):
            cursor = self._raw.cursor()
            cursor.row_factory = sqlite3.Row
            return cursor.execute(sql, parameters).fetchall()

    def number(self, sql: str, parameters: Sequence[SqlValue] = ()) -> int:
        """The one number that a query gives; no row or NULL count as 0."""
        rows = self.read(sql, parameters)
        return int(rows[0][0] or 0) if rows else 0

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """A context in which all reading sees one state; nothing is to be written in it."""
        self.read("BEGIN")
        try:
            yield
        finally:
            self.read("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its start and commits at its end.

        Raises:
            CatalogueError: Read-only, damaged, or locked for longer than a minute.
        """
        if not self.writable:
            raise CatalogueError(f"catalogue {self.path} is read-only: check its permissions")
        with clear_errors(self.path), self.engine().begin() as connection:
            # A deferred transaction could find at its first write that its snapshot is stale.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    def engine(self) -> Engine:
        """SQLAlchemy over this very connection."""
        if self._engine is None:
            from sqlalchemy import StaticPool, create_engine

            self._engine = create_engine(
                "sqlite://", creator=lambda: self._raw, poolclass=StaticPool
            )
        return self._engine

    def checkpoint(self) -> None:
        """Move what the write-ahead log holds into the file."""
        if self.writable:
            self.read("PRAGMA wal_checkpoint(TRUNCATE)")

    def copy_pages(
        self, target: sqlite3.Connection, step: int, on_step: Callable[[int, int, int], None]
    ) -> None:
        """Copy all pages into another database, `step` at a time, telling how many are left."""
        self._raw.backup(target, pages=step, progress=on_step)

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
        self._raw.close()


def open_database(path: Path, *, create: bool) -> Database:
    """An open catalogue of the current schema; `create` makes what is missing.

    Raises:
        CatalogueError: Missing, newer, of another program, damaged or unreadable.
    """
    if create:
        _make_folder(path)
    elif not path.is_file():
        raise CatalogueError(f"no catalogue at {path}: run `mmsearch index` first")
    if path.is_file() and 0 < path.stat().st_size < SMALLEST_FILE_BYTES:
        # SQLite would take so short a file for an empty one, and write over it.
        raise _explained(sqlite3.DatabaseError("file is not a database"), path)
    database = _connect(path, create=create)
    try:
        _check_schema(database, create=create)
    except BaseException:
        database.close()
        raise
    return database


@contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into one clear line: what, where, what to do."""
    try:
        with _decodable():
            yield
    except sqlite3.Error as exc:
        raise _explained(exc, path) from exc
    except Exception as exc:
        # SQLAlchemy's errors carry the driver's; its module may well not be imported.
        original = getattr(exc, "orig", None)
        if isinstance(original, sqlite3.Error):
            raise _explained(original, path) from exc
        raise


@contextmanager
def _decodable() -> Iterator[None]:
    """Turn an error message that sqlite3 cannot decode, as it quotes a damaged file, into one."""
    try:
        yield
    except UnicodeDecodeError as exc:
        raise sqlite3.DatabaseError("its schema is malformed") from exc


def _explained(exc: sqlite3.Error, path: Path) -> CatalogueError:
    reason = str(exc)
    if "locked" in reason or "busy" in reason:
        advice = "another process is writing to it: wait for it to end, then try again"
    elif "readonly" in reason:
        advice = "check the permissions of the file and its folder"
    elif "full" in reason:
        advice = "free some space, then try again"
    elif any(word in reason for word in _DAMAGED):
        advice = "it is damaged: restore a copy, or move it away and index again"
    elif "FOREIGN KEY" in reason:
        advice = "another process removed what this one was about to extend: run the command again"
    elif "no such table" in reason or "no such column" in reason:
        advice = "it lacks a part of its schema: restore a copy, or move it away and index again"
    else:
        advice = "check the file, its folder and the disk"
    return CatalogueError(f"catalogue {path}: {reason}; {advice}")


def file_uri(path: Path, options: str) -> str:
    """What SQLite opens a file by, with options such as `mode=ro`."""
    return f"file:{quote(path.absolute().as_posix())}?{options}"


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise CatalogueError(
            f"folder {path.parent} cannot be made ({exc.strerror}): choose another --home"
        ) from exc


def _connect(path: Path, *, create: bool) -> Database:
    """Connect for writing; failing that, for reading; failing that, as a file that never changes.

    In a folder that cannot be written, SQLite cannot make the log's index file, which even
    readers need, unless a writer left one there or the file is declared immutable.
    """
    modes = ["mode=rwc" if create else "mode=rw", "mode=ro"]
    if not _has_log(path):
        modes.append("mode=ro&immutable=1")
    errors: list[sqlite3.Error] = []
    for mode in modes:
        try:
            with _decodable():
                raw = _unmoved(path, file_uri(path, mode))
            return Database(path, raw, writable="rw" in mode)
        except sqlite3.OperationalError as exc:
            errors.append(exc)
        except sqlite3.DatabaseError as exc:
            raise _explained(exc, path) from exc
    raise _explained(errors[0], path) from errors[0]


def _unmoved(path: Path, uri: str) -> sqlite3.Connection:
    """A connection to the file that `path` names still, once the connection holds its lock.

    A restored copy may take the place of a file between the moment it is opened and the moment it
    is locked; what is written to the old one then would be lost.
    """
    while True:
        before = _identity(path)
        raw = _configured(uri)
        if before is not None and _identity(path) == before:
            return raw
        raw.close()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _has_log(path: Path) -> bool:
    log = path.with_name(path.name + "-wal")
    return log.is_file() and log.stat().st_size > 0


def _configured(uri: str) -> sqlite3.Connection:
    raw = sqlite3.connect(
        uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    try:
        raw.execute("PRAGMA foreign_keys = ON")
        raw.execute("PRAGMA synchronous = NORMAL")
        raw.execute("PRAGMA user_version").fetchone()  # the first true read of the file
        raw.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        raw.close()
        raise
    return raw


def _check_schema(database: Database, *, create: bool) -> None:
    """Upgrade an older schema, refuse a newer or a foreign one; the usual case costs a read.

    An older one that cannot be written is read as it is.
    """
    version = database.number("PRAGMA user_version")
    ours = database.number("PRAGMA application_id") == APPLICATION_ID
    if version == SCHEMA_VERSION and ours:
        return
    if OLDEST_READABLE <= version < SCHEMA_VERSION and ours and not database.writable:
        return
    if version > SCHEMA_VERSION and ours:
        raise CatalogueError(
            f"catalogue {database.path} has schema {version}, this mmsearch knows "
            f"{SCHEMA_VERSION}: upgrade mmsearch"
        )
    empty = database.number("SELECT count(*) FROM sqlite_master") == 0
    if empty and not create:
        raise CatalogueError(f"catalogue {database.path} is empty: run `mmsearch index` first")
    if not empty and not ours:
        raise CatalogueError(
            f"{database.path} is not a catalogue of mmsearch: "
            "move it away, or choose another --home"
        )
    from mmsearch.catalogue.migrations.upgrade import upgrade

    upgrade(database)
