"""One batch into the catalogue: contents, embeddings, regions, files, removals, failures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import numpy as np
from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from mmsearch.catalogue.checksums import checksum_of
from mmsearch.catalogue.encoding import to_blobs
from mmsearch.catalogue.records import BatchResult, CatalogueBatch, FileEntry
from mmsearch.catalogue.region_writing import code_blobs, put_regions
from mmsearch.catalogue.removal import drop_media, next_generation
from mmsearch.catalogue.tables import EMBEDDING_TABLES, contents, failures, media, spaces
from mmsearch.errors import CatalogueError
from mmsearch.types import Embeddings, Modality, Space

CHUNK_LENGTH = 500

Item = TypeVar("Item")


def write_batch(connection: Connection, batch: CatalogueBatch) -> BatchResult:
    """Write a batch inside the caller's transaction."""
    generation = next_generation(connection)
    last_wins = {entry.relative: entry for entry in batch.files}
    known = _write_contents(connection, list(last_wins.values()))
    entries = [entry for entry in last_wins.values() if entry.digest in known]
    _write_embeddings(connection, batch.space, entries, known)
    _write_regions(connection, batch, entries, known)

    moved = _move(connection, batch.root_id, entries, known, generation)
    removals = [media_id for media_id in batch.removals if media_id not in moved]
    removed = drop_media(connection, removals, generation)
    settled = [entry for entry in entries if entry.moved_from not in moved]
    before = _contents_at(connection, batch.root_id, settled)
    _put(connection, batch.root_id, settled, known)
    _write_failures(connection, batch, entries)
    touched = sum(before.get(entry.relative) == known[entry.digest] for entry in settled)
    return BatchResult(
        added=len(settled) - len(before),
        updated=len(before) - touched,
        touched=touched,
        moved=len(moved),
        removed=removed,
        failed=len(batch.failures),
        missing=tuple(rel for rel, entry in last_wins.items() if entry.digest not in known),
    )


def write_embeddings(connection: Connection, batch: CatalogueBatch) -> int:
    """Write what was made of known bytes inside the caller's transaction; of how many pictures."""
    known = _known_contents(connection, batch.files)
    entries = [entry for entry in batch.files if entry.digest in known]
    _write_embeddings(connection, batch.space, entries, known)
    _write_regions(connection, batch, entries, known)
    return len({entry.digest for entry in entries if entry.embedding is not None})


def space_row(connection: Connection, space: Space) -> int:
    """The id of a space.

    Raises:
        CatalogueError: The space was never added.
    """
    found = connection.execute(
        select(spaces.c.space_id).where(spaces.c.digest == space.digest)
    ).scalar_one_or_none()
    if found is None:
        raise CatalogueError(f"space of model {space.name} is unknown here: add it first")
    return int(found)


def put_embeddings(
    connection: Connection, modality: Modality, space_id: int, rows: Sequence[tuple[int, bytes]]
) -> int:
    """Write `(item id, float16 blob)` rows as a new generation; how many were new.

    An item that has an embedding keeps it: another process was first with the same bytes.
    """
    if not rows:
        return 0
    generation = next_generation(connection)
    table = EMBEDDING_TABLES[modality]
    values = [
        {
            "item_id": item,
            "space_id": space_id,
            "generation": generation,
            "embedding": blob,
            "checksum": checksum_of(blob),
        }
        for item, blob in rows
    ]
    return connection.execute(insert(table).on_conflict_do_nothing(), values).rowcount


def chunked(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Runs short enough to be bound as parameters of one statement."""
    for start in range(0, len(items), CHUNK_LENGTH):
        yield items[start : start + CHUNK_LENGTH]


def _write_contents(connection: Connection, entries: Sequence[FileEntry]) -> dict[str, int]:
    """Content ids by digest, of old contents and of new ones that came with metadata."""
    rows = [
        {
            "digest": entry.digest,
            "width": entry.metadata.width,
            "height": entry.metadata.height,
            "format": entry.metadata.format,
            "taken_at": entry.metadata.taken_at and entry.metadata.taken_at.isoformat(),
            "latitude": entry.metadata.latitude,
            "longitude": entry.metadata.longitude,
            "camera": entry.metadata.camera,
        }
        for entry in entries
        if entry.metadata is not None
    ]
    if rows:
        connection.execute(insert(contents).on_conflict_do_nothing(), rows)
    return _known_contents(connection, entries)


def _known_contents(connection: Connection, entries: Sequence[FileEntry]) -> dict[str, int]:
    """Content ids by digest, of the entries whose bytes are known."""
    known: dict[str, int] = {}
    for chunk in chunked(sorted({entry.digest for entry in entries})):
        found = connection.execute(
            select(contents.c.digest, contents.c.content_id).where(contents.c.digest.in_(chunk))
        )
        known.update((digest, content_id) for digest, content_id in found)
    return known


def _write_embeddings(
    connection: Connection, space: Space | None, entries: Sequence[FileEntry], known: dict[str, int]
) -> None:
    embedded = {known[e.digest]: e.embedding for e in entries if e.embedding is not None}
    if not embedded:
        return
    if space is None:
        raise CatalogueError("a batch with embeddings must name their space")
    stacked: Embeddings = np.stack(list(embedded.values()))
    rows = list(zip(embedded, to_blobs(stacked, space.dim), strict=True))
    put_embeddings(connection, Modality.IMAGE, space_row(connection, space), rows)


def _write_regions(
    connection: Connection,
    batch: CatalogueBatch,
    entries: Sequence[FileEntry],
    known: dict[str, int],
) -> None:
    """Write the regions that came with files."""
    found = {known[e.digest]: e.regions for e in entries if e.regions is not None}
    if not found:
        return
    if batch.space is None or batch.projection is None:
        raise CatalogueError("a batch with region features must name their space and projection")
    blobs = code_blobs(np.stack(list(found.values())), batch.projection)
    rows = list(zip(found, blobs, strict=True))
    put_regions(connection, space_row(connection, batch.space), batch.projection, rows)


def _move(
    connection: Connection,
    root_id: int,
    entries: Sequence[FileEntry],
    known: dict[str, int],
    generation: int,
) -> frozenset[int]:
    """Give the rows of moved files their new places; the media ids that were still there.

    All rows step aside first, so that files that swapped names do not collide.
    """
    wanted = {entry.moved_from: entry for entry in entries if entry.moved_from is not None}
    moved = [
        int(row[0])
        for chunk in chunked(list(wanted))
        for row in connection.execute(select(media.c.media_id).where(media.c.media_id.in_(chunk)))
    ]
    if not moved:
        return frozenset()
    targets = [wanted[media_id] for media_id in moved]
    _step_aside(connection, root_id, moved)
    drop_media(connection, _media_at(connection, root_id, targets), generation)
    connection.execute(
        update(media)
        .where(media.c.media_id == bindparam("row_id"))
        .values(
            path=bindparam("place"),
            content_id=bindparam("content"),
            size_bytes=bindparam("size"),
            mtime_ns=bindparam("mtime"),
        ),
        [
            {
                "row_id": media_id,
                "place": entry.relative,
                "content": known[entry.digest],
                "size": entry.size_bytes,
                "mtime": entry.mtime_ns,
            }
            for media_id, entry in zip(moved, targets, strict=True)
        ],
    )
    return frozenset(moved)


def _step_aside(connection: Connection, root_id: int, media_ids: Sequence[int]) -> None:
    connection.execute(
        update(media)
        .where(media.c.media_id == bindparam("row_id"))
        .values(root_id=root_id, path=bindparam("aside")),
        # No path holds a NUL byte, so no file can be at such a place.
        [{"row_id": media_id, "aside": b"\0%d" % media_id} for media_id in media_ids],
    )


def _media_at(connection: Connection, root_id: int, entries: Sequence[FileEntry]) -> list[int]:
    """Media ids of the rows that occupy the entries' places."""
    found: list[int] = []
    for chunk in chunked([entry.relative for entry in entries]):
        rows = connection.execute(
            select(media.c.media_id).where(media.c.root_id == root_id, media.c.path.in_(chunk))
        )
        found.extend(rows.scalars())
    return found


def _contents_at(
    connection: Connection, root_id: int, entries: Sequence[FileEntry]
) -> dict[bytes, int]:
    """Content ids of the entries' places as they are now; new places are absent."""
    found: dict[bytes, int] = {}
    for chunk in chunked([entry.relative for entry in entries]):
        rows = connection.execute(
            select(media.c.path, media.c.content_id).where(
                media.c.root_id == root_id, media.c.path.in_(chunk)
            )
        )
        found.update((path, content_id) for path, content_id in rows)
    return found


def _put(
    connection: Connection, root_id: int, entries: Sequence[FileEntry], known: dict[str, int]
) -> None:
    if not entries:
        return
    statement = insert(media)
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=[media.c.root_id, media.c.path],
        set_={
            "content_id": new.content_id,
            "size_bytes": new.size_bytes,
            "mtime_ns": new.mtime_ns,
        },
    )
    rows = [
        {
            "root_id": root_id,
            "path": entry.relative,
            "content_id": known[entry.digest],
            "size_bytes": entry.size_bytes,
            "mtime_ns": entry.mtime_ns,
        }
        for entry in entries
    ]
    connection.execute(statement, rows)


def _write_failures(
    connection: Connection, batch: CatalogueBatch, entries: Sequence[FileEntry]
) -> None:
    """Record failures; forget those of files that are gone or were read after all."""
    settled = [*batch.resolved, *(entry.relative for entry in entries)]
    for chunk in chunked(settled):
        connection.execute(
            delete(failures).where(failures.c.root_id == batch.root_id, failures.c.path.in_(chunk))
        )
    if not batch.failures:
        return
    now = datetime.now(UTC).isoformat()
    connection.execute(
        insert(failures).prefix_with("OR REPLACE"),
        [
            {
                "root_id": batch.root_id,
                "path": failure.relative,
                "size_bytes": failure.size_bytes,
                "mtime_ns": failure.mtime_ns,
                "reason": failure.reason,
                "failed_at": now,
            }
            for failure in batch.failures
        ],
    )
