"""The record that says what a backup holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from mmsearch.engine.upkeep.backup import RECORD_NAME, read_record
from mmsearch.errors import CatalogueError
from tests.fuzz.places import folder

WORDS = (
    *(b'"format"', b'"made_at"', b'"size_bytes"', b'"digest"', b'"generation"', b"null", b"1e9"),
    *(b"true", b"-1", b"[[[[[[[[", b'{"a":' * 8, b"2026-01-01", b"9" * 40, b"\\ud800"),
)
_COUNTS = ("format", "schema", "generation", "files", "pictures", "captions", "embeddings")


def check(data: bytes) -> None:
    """The record is read with everything of its kind, or refused with the file's name."""
    place = folder("backup")
    (place / RECORD_NAME).write_bytes(data)
    try:
        record = read_record(place)
    except CatalogueError as exc:
        assert str(place) in str(exc)
        return
    assert isinstance(record.made_at, datetime)
    assert all(type(getattr(record, name)) is int for name in (*_COUNTS, "size_bytes"))
    assert all(getattr(record, name) >= 0 for name in (*_COUNTS, "size_bytes"))
    assert all(type(getattr(record, name)) is str for name in ("version", "index", "digest"))


def seeds() -> list[bytes]:
    """A record as it is written."""
    numbers = dict.fromkeys((*_COUNTS, "size_bytes"), 1)
    words = {"version": "0.1.0", "index": "default", "digest": "ab" * 32}
    made = {"made_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).isoformat()}
    return [json.dumps({**numbers, **words, **made}, indent=2).encode()]
