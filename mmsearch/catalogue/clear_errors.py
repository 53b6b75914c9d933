"""What SQLite and the disk refuse, in one clear line: what, where, what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmsearch.errors import CatalogueError
from mmsearch.runtime.presence import file_size

_DAMAGED = ("not a database", "malformed", "corrupt", "Could not decode")
"""What SQLite's messages say, and sqlite3's, where a file is damaged."""


@contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into one clear line: what, where, what to do."""
    try:
        with decodable():
            yield
    except sqlite3.Error as exc:
        raise explained(exc, path) from exc
    except Exception as exc:
        # SQLAlchemy's errors carry the driver's; its module may well not be imported.
        original = getattr(exc, "orig", None)
        if isinstance(original, sqlite3.Error):
            raise explained(original, path) from exc
        raise


def size_of_catalogue(path: Path) -> int | None:
    """Bytes of a catalogue file, or of its log; None when there is none.

    Raises:
        CatalogueError: It cannot be told whether there is one.
    """
    try:
        return file_size(path)
    except OSError as exc:
        raise not_told(path, exc) from exc


@contextmanager
def decodable() -> Iterator[None]:
    """Turn an error message that sqlite3 cannot decode, as it quotes a damaged file, into one."""
    try:
        yield
    except UnicodeDecodeError as exc:
        raise sqlite3.DatabaseError("its schema is malformed") from exc


def explained(exc: sqlite3.Error, path: Path) -> CatalogueError:
    """The error that tells what SQLite refused, and what to do about it."""
    reason = str(exc)
    if "locked" in reason or "busy" in reason:
        advice = "another process is writing to it: wait for it to end, then try again"
    elif "readonly" in reason:
        advice = "check the permissions of the file and its folder"
    elif "full" in reason:
        advice = "free some space, then try again"
    elif "locking protocol" in reason:
        advice = "its disk gives no locks, or others hold them for long: use a local disk"
    elif any(word in reason for word in _DAMAGED):
        advice = "it is damaged: restore a copy, or move it away and index again"
    elif "FOREIGN KEY" in reason:
        advice = "another process removed what this one was about to extend: run the command again"
    elif "no such table" in reason or "no such column" in reason:
        advice = "it lacks a part of its schema: restore a copy, or move it away and index again"
    else:
        advice = "check the file, its folder and the disk"
    return CatalogueError(f"catalogue {path}: {reason}; {advice}")


def not_told(path: Path, exc: OSError) -> CatalogueError:
    """The error that tells why it is not known whether there is a catalogue."""
    reason = (exc.strerror or str(exc)).lower()
    return CatalogueError(
        f"catalogue {path} cannot be looked up ({reason}): "
        "check the disk, and the permissions of the folder"
    )
