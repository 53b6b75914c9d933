"""One SQLite file: opening it, reading by plain SQL, writing in transactions.

The same connection serves both: `read` is `sqlite3` alone, `write` wraps it in SQLAlchemy.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote

from mmsearch.catalogue.clear_errors import (
    clear_errors,
    decodable,
    explained,
    not_told,
    size_of_catalogue,
)
from mmsearch.catalogue.schema_version import (
    APPLICATION_ID,
    OLDEST_READABLE,
    SCHEMA_VERSION,
)
from mmsearch.errors import CatalogueError
from mmsearch.runtime.presence import look_up
from mmsearch.runtime.whole_file import sync_file

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

BUSY_TIMEOUT_S = 60.0
SMALLEST_FILE_BYTES = 512

_NOT_READ_AROUND = frozenset(
    (
        *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL),
        *(sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ),
    )
)
"""SQLite's codes where opening for reading is of no use: others write, or the disk fails."""

WITHOUT_LOCKS = "mode=ro&vfs=unix-none"
"""Opens a catalogue beside whose log nobody can make an index file; it is read by one alone."""

SqlValue: TypeAlias = int | float | str | bytes | None


class Database:
    """An open catalogue file. Not to be used by two threads at once.

    `read_only` is why it cannot be written; None where it can.
    """

    def __init__(
        self, path: Path, raw: sqlite3.Connection, *, read_only: sqlite3.Error | None = None
    ) -> None:
        self.path = path
        self.read_only = read_only
        self._raw = raw
        self._engine: Engine | None = None

    @property
    def writable(self) -> bool:
        """Whether it was opened for writing."""
        return self.read_only is None

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
        if self.read_only is not None:
            raise CatalogueError(
                f"catalogue {self.path} is read-only ({self.read_only}): "
                "check the permissions of the file and its folder, and the disk"
            )
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

    def sync(self) -> None:
        """See that what was committed outlives a loss of power: commits alone are not flushed.

        Raises:
            CatalogueError: The disk fails.
        """
        log = self.path.with_name(f"{self.path.name}-wal")
        try:
            # SQLite's locks are on other files: closing this one lets none of them go.
            sync_file(log)
        except FileNotFoundError:
            return
        except OSError as exc:
            reason = (exc.strerror or str(exc)).lower()
            raise CatalogueError(
                f"catalogue {self.path} cannot be flushed to disk ({reason}): check the disk"
            ) from exc

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
    size_bytes = size_of_catalogue(path)
    if size_bytes is None and not create:
        raise CatalogueError(f"no catalogue at {path}: run `mmsearch index` first")
    if size_bytes is not None and 0 < size_bytes < SMALLEST_FILE_BYTES:
        # SQLite would take so short a file for an empty one, and write over it.
        raise explained(sqlite3.DatabaseError("file is not a database"), path)
    database = _connect(path, create=create)
    try:
        _check_schema(database, create=create)
    except BaseException:
        database.close()
        raise
    return database


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
    readers need, unless a writer left one there or the file is declared immutable. With a log
    that a killed run left it may not be: then the index is made in memory, without any lock.
    """
    modes = ["mode=rwc" if create else "mode=rw", "mode=ro"]
    if not _has_log(path):
        modes.append("mode=ro&immutable=1")
    elif os.name == "posix":
        modes.append(WITHOUT_LOCKS)
    errors: list[sqlite3.Error] = []
    for mode in modes:
        try:
            with decodable():
                raw = _unmoved(path, file_uri(path, mode))
            return Database(path, raw, read_only=errors[0] if errors else None)
        except sqlite3.OperationalError as exc:
            errors.append(exc)
            if exc.sqlite_errorcode in _NOT_READ_AROUND:
                break
        except sqlite3.DatabaseError as exc:
            raise explained(exc, path) from exc
    raise explained(errors[0], path) from errors[0]


def _unmoved(path: Path, uri: str) -> sqlite3.Connection:
    """A connection to the file that `path` names still, once the connection holds its lock.

    A restored copy may take the place of a file between the moment it is opened and the moment it
    is locked; what is written to the old one then would be lost.
    """
    while True:
        before = _identity(path)
        raw = configured(uri)
        if before is not None and _identity(path) == before:
            return raw
        raw.close()


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file has the name, None when there is none.

    Raises:
        CatalogueError: It cannot be told.
    """
    try:
        status = look_up(path)
    except OSError as exc:
        raise not_told(path, exc) from exc
    return None if status is None else (status.st_dev, status.st_ino)


def _has_log(path: Path) -> bool:
    return bool(size_of_catalogue(path.with_name(path.name + "-wal")))


def configured(uri: str) -> sqlite3.Connection:
    """A connection that has read the file: an error comes here, not later."""
    raw = sqlite3.connect(
        uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    try:
        if uri.endswith(WITHOUT_LOCKS):
            raw.execute("PRAGMA locking_mode = EXCLUSIVE")
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
