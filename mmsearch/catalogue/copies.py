"""Whole copies of a catalogue: made while others write, checked before they are trusted."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mmsearch.catalogue.checksums import n_damaged
from mmsearch.catalogue.clear_errors import clear_errors
from mmsearch.catalogue.database import WITHOUT_LOCKS, Database, configured, file_uri
from mmsearch.catalogue.integrity import problems_of
from mmsearch.catalogue.schema_version import APPLICATION_ID, SCHEMA_VERSION
from mmsearch.errors import CatalogueError

_PAGES_A_STEP = 2048
"""8 MB: between two steps the listener is told, and Ctrl-C is noticed."""


@dataclass(frozen=True, slots=True)
class CopyFacts:
    """What a whole copy of a catalogue holds; `pictures` counts distinct ones, `files` all.

    `damaged` are embeddings and region features that do not fit their checksums: a copy keeps
    them as they are.
    """

    schema: int
    generation: int
    files: int
    pictures: int
    captions: int
    embeddings: int
    damaged: int


def copy_database(database: Database, path: Path, on_pages: Callable[[int, int], None]) -> None:
    """Write one state of the catalogue to a new file `path`, whatever others commit meanwhile.

    `on_pages` is told how many pages are done, and of how many. What cannot be finished is left
    half-written for the caller to remove; nothing is flushed to disk.

    Raises:
        CatalogueError: The catalogue cannot be read, or `path` not written.
    """

    def tell(_status: int, left: int, total: int) -> None:
        on_pages(total - left, total)

    with clear_errors(path), closing(sqlite3.connect(path, isolation_level=None)) as copy:
        copy.execute("PRAGMA journal_mode = OFF")
        copy.execute("PRAGMA synchronous = OFF")
        with database.snapshot():
            # The state is fixed by the first reading; SQLite would else begin anew at each commit.
            database.number("SELECT generation FROM meta")
            database.copy_pages(copy, _PAGES_A_STEP, tell)


def check_copy(path: Path) -> CopyFacts:
    """What a catalogue file holds that nobody writes to, once every page of it is checked.

    Nothing is made beside it, and an older schema stays as it is.

    Raises:
        CatalogueError: Damaged, of another program, or of a newer schema.
    """
    uri = file_uri(path, "mode=ro&immutable=1")
    with clear_errors(path), closing(sqlite3.connect(uri, uri=True)) as raw:
        schema = _known_schema(raw, path)
        problems = problems_of(lambda sql: raw.execute(sql).fetchall(), most=1)
        if problems:
            what = problems[-1]  # the first line may only name the database
            raise CatalogueError(f"catalogue {path} is damaged ({what}): choose another copy")
        generation, files, pictures, captions, embeddings = (
            int(raw.execute(sql).fetchone()[0]) for sql in _COUNTS
        )
        return CopyFacts(
            schema=schema,
            generation=generation,
            files=files,
            pictures=pictures,
            captions=captions,
            embeddings=embeddings,
            damaged=n_damaged(raw),
        )


_COUNTS = (
    "SELECT generation FROM meta",
    "SELECT count(*) FROM media",
    "SELECT count(*) FROM contents",
    "SELECT count(*) FROM captions",
    "SELECT (SELECT count(*) FROM image_embeddings) + (SELECT count(*) FROM caption_embeddings)",
)


def _known_schema(raw: sqlite3.Connection, path: Path) -> int:
    """The schema of a catalogue that this version can read, or upgrade."""
    if raw.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise CatalogueError(f"{path} is not a catalogue of mmsearch: choose another copy")
    schema = int(raw.execute("PRAGMA user_version").fetchone()[0])
    if schema > SCHEMA_VERSION:
        raise CatalogueError(
            f"catalogue {path} has schema {schema}, this mmsearch knows {SCHEMA_VERSION}: "
            "upgrade mmsearch"
        )
    return schema


def schema_of(path: Path) -> int:
    """The schema of a catalogue, which stays as it is, whatever version that may be.

    Raises:
        CatalogueError: Damaged, or of another program.
    """
    with clear_errors(path), closing(_as_it_is(path)) as raw:
        if raw.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise CatalogueError(f"{path} is not a catalogue of mmsearch: move it away")
        return int(raw.execute("PRAGMA user_version").fetchone()[0])


def _as_it_is(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, and reads another process's log where there is one."""
    if not path.with_name(f"{path.name}-wal").is_file():
        return configured(file_uri(path, "mode=ro&immutable=1"))
    try:
        return configured(file_uri(path, "mode=ro"))
    except sqlite3.OperationalError:
        if os.name == "nt":
            raise
        return configured(file_uri(path, WITHOUT_LOCKS))
