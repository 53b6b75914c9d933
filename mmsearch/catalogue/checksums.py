"""Checksums of blobs: a bit that flips inside one is nothing that SQLite would see."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Sequence

from mmsearch.catalogue.database import Database
from mmsearch.errors import CatalogueError

_FIRST_SCHEMA = 3
_BLOBS = {
    "image_embeddings": "embedding",
    "caption_embeddings": "embedding",
    "region_features": "codes",
}
"""The column of each table that is checked."""

_UNKNOWN = -1
"""Stands for the checksum of a row in an older catalogue, which cannot be written and has none."""


def checksum_of(blob: bytes) -> int:
    """CRC-32 of a blob, as its row carries it."""
    return zlib.crc32(blob)


def checked_columns(db: Database, blob: str) -> str:
    """SQL for the columns that `damaged` and `checked_blobs` read, beside `item_id`."""
    known = db.number("PRAGMA user_version") >= _FIRST_SCHEMA
    return f"{blob} AS blob, {'checksum' if known else _UNKNOWN} AS checksum"


def n_damaged(raw: sqlite3.Connection) -> int:
    """How many blobs of a catalogue do not fit their checksums; 0 where its schema has none."""
    if raw.execute("PRAGMA user_version").fetchone()[0] < _FIRST_SCHEMA:
        return 0
    raw.create_function("crc32", 1, checksum_of, deterministic=True)
    counts = [
        raw.execute(
            f"SELECT count(*) FROM {table} WHERE checksum IS NOT "  # noqa: S608 - fixed names
            f"CASE typeof({column}) WHEN 'blob' THEN crc32({column}) END"
        ).fetchone()[0]
        for table, column in _BLOBS.items()
    ]
    return sum(counts)


def damage_of(row: sqlite3.Row, size_bytes: int) -> str | None:
    """What is wrong with the blob of a row, None when it is as it was written."""
    blob, checksum = row["blob"], row["checksum"]
    if not isinstance(blob, bytes) or len(blob) != size_bytes:
        return f"has not {size_bytes} bytes"
    if checksum not in (_UNKNOWN, checksum_of(blob)):
        return "does not fit its checksum"
    return None


def checked_blobs(
    db: Database, rows: Sequence[sqlite3.Row], size_bytes: int, what: str
) -> list[bytes]:
    """The blobs of rows with `item_id` and `checked_columns`, in their order.

    Raises:
        CatalogueError: One is damaged; `what` it is, as "embedding of image".
    """
    for row in rows:
        if (damage := damage_of(row, size_bytes)) is not None:
            raise CatalogueError(
                f"catalogue {db.path} is damaged: {what} {row['item_id']} {damage}; "
                "'mmsearch repair' drops it, to be made anew, or restore a backup"
            )
    return [row["blob"] for row in rows]
