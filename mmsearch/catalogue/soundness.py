"""Whether the catalogue is as it was written: SQLite's own checks, and every blob."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import numpy as np

from mmsearch.catalogue.checksums import checked_columns, damage_of
from mmsearch.catalogue.database import Database
from mmsearch.catalogue.encoding import blob_bytes
from mmsearch.catalogue.files import Files
from mmsearch.catalogue.integrity import problems_of
from mmsearch.catalogue.records import BlobPage, DamagedBlob, Lacking
from mmsearch.catalogue.schema_version import SCHEMA_VERSION
from mmsearch.catalogue.source import embedding_table
from mmsearch.catalogue.spaces import Spaces
from mmsearch.types import Ids, Modality, Space

PAGE_LENGTH = 4096

NORM_TOLERANCE = 1e-3
"""A unit vector in float16 is off by half of this at most."""

_NOT_FAILED = (
    "NOT EXISTS (SELECT 1 FROM failures f WHERE f.root_id = m.root_id AND f.path = m.path)"
)
_EMBEDDED = (
    "EXISTS (SELECT 1 FROM image_embeddings e WHERE e.item_id = m.content_id "
    "AND e.space_id = (SELECT space_id FROM spaces WHERE digest = ?1))"
)
_HAS_REGIONS = (
    "EXISTS (SELECT 1 FROM region_features g JOIN region_projections p USING (projection_id) "
    "WHERE g.content_id = m.content_id "
    "AND p.space_id = (SELECT space_id FROM spaces WHERE digest = ?1))"
)


class Soundness(Files, Spaces):
    """The part of the catalogue that looks for damage, and drops what is damaged."""

    _db: Database

    def integrity(self) -> list[str]:
        """What SQLite finds wrong, a line each; empty for a sound file.

        Every page, every row against the indexes that hold a copy of it, every foreign key, and
        the schema itself. Reads the whole file.
        """
        return problems_of(self._db.read) or _schema_problems(self._db)

    def embedding_pages(self, space: Space, modality: Modality) -> Iterator[BlobPage]:
        """All embeddings of a space, looked through page by page, in the order of writing."""
        sql = (
            f"SELECT item_id, generation, {checked_columns(self._db, 'embedding')} "  # noqa: S608 - fixed names
            f"FROM {embedding_table(modality)} "
            "WHERE space_id = ? AND (generation, item_id) > (?, ?) "
            "ORDER BY generation, item_id LIMIT ?"
        )
        space_id, after = self._space_id(space), (0, 0)
        while rows := self._db.read(sql, (space_id, *after, PAGE_LENGTH)):
            after = (rows[-1]["generation"], rows[-1]["item_id"])
            yield BlobPage(len(rows), tuple(_damaged_embeddings(rows, space.dim)))

    def region_pages(self, space: Space) -> Iterator[BlobPage]:
        """All region features of a space, looked through page by page."""
        if not self._keeps_regions():
            return
        sql = (
            f"SELECT content_id AS item_id, {checked_columns(self._db, 'codes')} "  # noqa: S608 - fixed names
            "FROM region_features WHERE projection_id = ? AND content_id > ? "
            "ORDER BY content_id LIMIT ?"
        )
        projections = self._db.read(
            "SELECT projection_id, regions * dim AS size FROM region_projections "
            "WHERE space_id = ?",
            (self._space_id(space),),
        )
        for projection_id, size in projections:
            after = 0
            while rows := self._db.read(sql, (projection_id, after, PAGE_LENGTH)):
                after = rows[-1]["item_id"]
                yield BlobPage(len(rows), tuple(_damaged_codes(rows, size)))

    def pictures_without_embedding(self, space: Space) -> Lacking:
        """Pictures on line that a space does not embed, less those that cannot be decoded."""
        return self._lacking(space, f"NOT {_EMBEDDED}")

    def pictures_without_regions(self, space: Space) -> Lacking:
        """Pictures on line that a space embeds, but has no regions of, likewise."""
        if not self._keeps_regions():
            return Lacking(0, None)
        return self._lacking(space, f"{_EMBEDDED} AND NOT {_HAS_REGIONS}")

    def drop_embeddings(self, space: Space, modality: Modality, ids: Ids) -> int:
        """Drop the embeddings of some items, which an indexing run makes anew; how many."""
        from mmsearch.catalogue.removal import drop_embeddings

        with self._db.write() as connection:
            return drop_embeddings(connection, self._space_id(space), modality, ids.tolist())

    def drop_regions(self, space: Space, content_ids: Ids) -> int:
        """Drop the region features of some pictures in a space, likewise; how many."""
        from mmsearch.catalogue.region_writing import drop_regions

        with self._db.write() as connection:
            return drop_regions(connection, self._space_id(space), content_ids.tolist())

    def _lacking(self, space: Space, condition: str) -> Lacking:
        rows = self._db.read(
            "SELECT count(DISTINCT m.content_id), min(m.media_id) "  # noqa: S608 - fixed conditions
            "FROM media m JOIN roots r USING (root_id) "
            f"WHERE r.online AND {_NOT_FAILED} AND {condition}",
            (space.digest,),
        )
        return Lacking(rows[0][0], rows[0][1])


def _damaged_embeddings(rows: list[sqlite3.Row], dim: int) -> Iterator[DamagedBlob]:
    whole: list[sqlite3.Row] = []
    for row in rows:
        damage = damage_of(row, blob_bytes(dim))
        if damage is None:
            whole.append(row)
        else:
            yield DamagedBlob(row["item_id"], damage)
    halves = np.frombuffer(b"".join(row["blob"] for row in whole), dtype="<f2")
    norms = np.linalg.norm(halves.reshape(len(whole), dim).astype(np.float32), axis=1)
    for row, norm in zip(whole, norms.tolist(), strict=True):
        if not abs(norm - 1.0) <= NORM_TOLERANCE:  # so that NaN is seen too
            yield DamagedBlob(row["item_id"], f"has length {norm:.4g}, not 1")


def _damaged_codes(rows: list[sqlite3.Row], size_bytes: int) -> Iterator[DamagedBlob]:
    for row in rows:
        if (damage := damage_of(row, size_bytes)) is not None:
            yield DamagedBlob(row["item_id"], damage)


def _schema_problems(db: Database) -> list[str]:
    """Tables and indexes that are not as this version makes them."""
    if db.number("PRAGMA user_version") < SCHEMA_VERSION:
        return []  # an older one, read as it is
    from mmsearch.catalogue.tables import DEFINITIONS, schema_as_made

    found = {name: " ".join(str(text).split()) for name, text in db.read(DEFINITIONS)}
    return [
        f"{name} is not defined as this version of mmsearch makes it"
        for name, text in schema_as_made().items()
        if found.get(name) != text
    ]
