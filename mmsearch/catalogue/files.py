"""The files below the roots: what is known of them, what is changed in batches."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from mmsearch.catalogue.database import Database
from mmsearch.catalogue.encoding import folder_range, path_below
from mmsearch.catalogue.records import (
    BatchResult,
    CatalogueBatch,
    KnownFailure,
    KnownFile,
    PendingContent,
)
from mmsearch.catalogue.roots import Roots
from mmsearch.rerank_types import RegionProjection
from mmsearch.types import Space

PAGE_LENGTH = 20_000
_ONLINE = "r.online"
_EMBEDDED = (
    "EXISTS (SELECT 1 FROM image_embeddings e WHERE e.item_id = c.content_id "
    "AND e.space_id = (SELECT space_id FROM spaces WHERE digest = ?))"
)
_HAS_REGIONS = (
    "EXISTS (SELECT 1 FROM region_features f JOIN region_projections p USING (projection_id) "
    "WHERE f.content_id = c.content_id AND p.digest = ? "
    "AND p.space_id = (SELECT space_id FROM spaces WHERE digest = ?))"
)


class Files(Roots):
    """The part of the catalogue that an indexing run compares with the disk."""

    _db: Database

    def known_files(self, root_id: int, under: bytes = b"") -> Iterator[KnownFile]:
        """Files of a root, or below one of its folders, by path; in pages, so memory is flat."""
        low, high = folder_range(under)
        after = b""
        while True:
            rows = self._db.read(
                "SELECT media_id, content_id, path, size_bytes, mtime_ns FROM media "
                "WHERE root_id = ? AND path > ? AND path >= ? AND path < ? "
                "ORDER BY path LIMIT ?",
                (root_id, after, low, high, PAGE_LENGTH),
            )
            yield from map(KnownFile._make, rows)
            if len(rows) < PAGE_LENGTH:
                return
            after = rows[-1]["path"]

    def known_failures(self, root_id: int, under: bytes = b"") -> Iterator[KnownFailure]:
        """Files of a root that failed, by path: unchanged, most need not be tried again."""
        low, high = folder_range(under)
        rows = self._db.read(
            "SELECT path, size_bytes, mtime_ns, reason FROM failures "
            "WHERE root_id = ? AND path >= ? AND path < ? ORDER BY path",
            (root_id, low, high),
        )
        return map(KnownFailure._make, rows)

    def known_sizes(self) -> set[int]:
        """Sizes of all files, in bytes: a new file of another size is surely not a copy."""
        return {row[0] for row in self._db.read("SELECT DISTINCT size_bytes FROM media")}

    def find_content(self, digest: str) -> int | None:
        """The content that has these bytes, by BLAKE3 digest; None when unknown."""
        found = self._db.number(
            "SELECT content_id FROM contents WHERE digest = ?", (bytes.fromhex(digest),)
        )
        return found or None

    def media_ids_of_content(self, content_id: int) -> tuple[int, ...]:
        """All files with these bytes, lowest id first."""
        rows = self._db.read(
            "SELECT media_id FROM media WHERE content_id = ? ORDER BY media_id", (content_id,)
        )
        return tuple(row[0] for row in rows)

    def contents_without_embedding(
        self, space: Space, *, offline: bool = False
    ) -> Iterator[PendingContent]:
        """Pictures that lack an embedding in a space, each at its lowest media id.

        Those on line only; with `offline` those of folders that are missing too.
        """
        online = "1" if offline else _ONLINE
        return self._pending(f"{online} AND NOT {_EMBEDDED}", (space.digest,))

    def contents_without_regions(
        self, space: Space, projection: RegionProjection
    ) -> Iterator[PendingContent]:
        """Pictures on line that a space embeds, but whose regions are not known; likewise."""
        return self._pending(
            f"{_ONLINE} AND {_EMBEDDED} AND NOT {_HAS_REGIONS}",
            (space.digest, projection.digest, space.digest),
        )

    def pending_copies(self, content_id: int) -> list[PendingContent]:
        """The files of a picture that are on line, each as a place to read it, oldest first."""
        rows = self._db.read(
            "SELECT m.content_id, m.root_id, m.path, r.path AS root, c.digest, "
            "m.size_bytes, m.mtime_ns FROM contents c JOIN media m USING (content_id) "
            "JOIN roots r USING (root_id) WHERE c.content_id = ? AND r.online ORDER BY m.media_id",
            (content_id,),
        )
        return [_pending_content(row) for row in rows]

    def _pending(self, condition: str, parameters: tuple[str, ...]) -> Iterator[PendingContent]:
        """Pictures for which `condition` on contents `c` and roots `r` holds, in pages."""
        after = 0
        while rows := self._db.read(
            "SELECT m.content_id, min(m.media_id), m.root_id, m.path, r.path AS root, c.digest, "  # noqa: S608 - two fixed conditions
            "m.size_bytes, m.mtime_ns FROM contents c JOIN media m USING (content_id) "
            f"JOIN roots r USING (root_id) WHERE c.content_id > ? AND {condition} "
            "GROUP BY c.content_id ORDER BY c.content_id LIMIT ?",
            (after, *parameters, PAGE_LENGTH),
        ):
            yield from map(_pending_content, rows)
            after = rows[-1]["content_id"]

    def apply(self, batch: CatalogueBatch) -> BatchResult:
        """Commit a batch as a whole: files with embeddings and regions, removals, failures.

        Raises:
            CatalogueError: An embedding does not fit the space; the root or space is unknown;
                the file is locked, full or damaged. Nothing of the batch is written then.
        """
        from mmsearch.catalogue.writing import write_batch

        with self._db.write() as connection:
            return write_batch(connection, batch)

    def put_embeddings(self, batch: CatalogueBatch) -> int:
        """Commit the embeddings and regions of a batch, nothing else of it; how many pictures.

        Files whose bytes are unknown here are passed over, and no file's row changes.

        Raises:
            CatalogueError: As `apply`.
        """
        from mmsearch.catalogue.writing import write_embeddings

        with self._db.write() as connection:
            return write_embeddings(connection, batch)

    def remove_orphans(self) -> int:
        """Drop contents that no file has any more, with their embeddings; how many.

        Call it when a run is over: until then a vanished file may turn up at another path.
        """
        orphan = "NOT EXISTS (SELECT 1 FROM media m WHERE m.content_id = contents.content_id)"
        if not self._db.read(f"SELECT 1 FROM contents WHERE {orphan} LIMIT 1"):  # noqa: S608 - a fixed condition
            return 0
        from mmsearch.catalogue.removal import drop_orphans

        with self._db.write() as connection:
            return drop_orphans(connection)

    def remove_path(self, path: Path) -> int:
        """Drop a file, or all files below a folder; how many.

        A root that lies wholly inside leaves too, with what failed there.
        """
        from mmsearch.catalogue.removal import drop_orphans, drop_scopes

        with self._db.write() as connection:
            removed = drop_scopes(connection, self._scopes(path) or [])
            drop_orphans(connection)
        return removed


def _pending_content(row: sqlite3.Row) -> PendingContent:
    return PendingContent(
        content_id=row["content_id"],
        root_id=row["root_id"],
        relative=row["path"],
        path=path_below(row["root"], row["path"]),
        digest=row["digest"].hex(),
        size_bytes=row["size_bytes"],
        mtime_ns=row["mtime_ns"],
    )
