"""A catalogue that nobody else has open, as it must be before another file takes its place.

Whoever has a catalogue open holds SQLite's shared lock on it, idle or not; the exclusive lock is
had by one who is alone. Without it, a server would go on writing to the old file, under a name
that is gone, or mix its write-ahead log with the new one.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from mmsearch.catalogue.clear_errors import clear_errors
from mmsearch.catalogue.database import file_uri
from mmsearch.errors import CatalogueError

_PATIENCE_S = 5.0
_PAUSE_S = 0.05
_DAMAGED = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))

_FIRST_LOCK_BYTE, _LOCK_BYTES = 0x40000000, 512
"""Where SQLite's locks lie in every database file, whatever it holds: file format, section 1.6."""


@contextmanager
def held_alone(path: Path) -> Iterator[None]:
    """A context in which nobody else has the catalogue `path` open, nor can open it.

    What its write-ahead log held is in the file by then, unless it is too damaged to tell.

    Raises:
        CatalogueError: Another process, or another part of this one, keeps it open.
    """
    with clear_errors(path):
        raw = _held(path, time.monotonic() + _PATIENCE_S)
    if raw is None:
        with _held_damaged(path):
            yield
        return
    with closing(raw):
        yield


def _held(path: Path, deadline: float) -> sqlite3.Connection | None:
    """A connection that is alone; None where the file is too damaged to be opened."""
    uri = file_uri(path, "mode=rw")
    while True:
        raw = sqlite3.connect(uri, uri=True, timeout=0, isolation_level=None)
        try:
            raw.execute("PRAGMA locking_mode = EXCLUSIVE")
            raw.execute("BEGIN EXCLUSIVE")
            raw.execute("COMMIT")  # in this mode the lock outlives the transaction
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.DatabaseError as exc:
            raw.close()
            code = exc.sqlite_errorcode & 0xFF
            if code in _DAMAGED:
                return None
            if code != sqlite3.SQLITE_BUSY:
                raise
            if time.monotonic() > deadline:
                raise _in_use(path) from exc
            time.sleep(_PAUSE_S)
        except BaseException:
            raw.close()
            raise
        else:
            return raw


@contextmanager
def _held_damaged(path: Path) -> Iterator[None]:
    """The same lock, taken without SQLite, which refuses to open such a file."""
    if os.name == "nt":
        yield  # no file that is open can be replaced there
        return
    import fcntl

    with path.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, _LOCK_BYTES, _FIRST_LOCK_BYTE)
        except OSError as exc:
            raise _in_use(path) from exc
        yield


def _in_use(path: Path) -> CatalogueError:
    return CatalogueError(
        f"catalogue {path} is in use: end what has it open ('mmsearch serve', a run of "
        "'mmsearch index', a Python session), then try again"
    )
