"""Region features of pictures: what a cross encoder reads, kept so that no query decodes."""

from __future__ import annotations

import json

import numpy as np

from mmsearch.catalogue.checksums import checked_blobs, checked_columns
from mmsearch.catalogue.database import Database
from mmsearch.rerank_types import RegionCodes, RegionProjection
from mmsearch.types import Ids, Space

_FIRST_SCHEMA = 2
"""An older catalogue in a read-only folder is searched without region features."""


class Regions:
    """The part of the catalogue that knows the regions of its pictures.

    Codes belong to a projection in a space: another model's grids give other codes, though the
    projection be the same.
    """

    _db: Database

    def region_codes(
        self, space: Space, projection: RegionProjection, content_ids: Ids
    ) -> tuple[Ids, RegionCodes]:
        """Those of `content_ids` `(n,)` that have codes, in their order, and the codes.

        Ids `(m,)` int64 and codes `(m, r, c)` int8, m <= n.

        Raises:
            CatalogueError: Stored codes are damaged, or of another size than the projection gives.
        """
        projection_id = self._projection_id(space, projection)
        blobs = self._code_blobs(projection_id, content_ids, projection.size_bytes)
        found = [item for item in content_ids.tolist() if item in blobs]
        codes = np.frombuffer(bytearray().join(blobs[item] for item in found), dtype=np.int8)
        shape = (len(found), projection.n_regions, projection.dim)
        return np.array(found, dtype=np.int64), codes.reshape(shape)

    def put_region_codes(
        self, space: Space, projection: RegionProjection, content_ids: Ids, codes: RegionCodes
    ) -> int:
        """Write codes `(n, r, c)` of pictures `content_ids` `(n,)`; how many were new.

        Pictures that were dropped meanwhile are passed over.

        Raises:
            CatalogueError: The codes do not fit the projection, or the space is unknown.
        """
        from mmsearch.catalogue.region_writing import code_blobs, drop_unknown, put_regions
        from mmsearch.catalogue.writing import space_row

        blobs = code_blobs(codes, projection)
        rows = list(zip(content_ids.tolist(), blobs, strict=True))
        with self._db.write() as connection:
            alive = drop_unknown(connection, rows)
            return put_regions(connection, space_row(connection, space), projection, alive)

    def forget_other_regions(self, space: Space, projection: RegionProjection) -> int:
        """Drop what other projections gave in a space; how many codes."""
        others = self._db.number(
            "SELECT count(*) FROM region_projections WHERE digest <> ? "
            "AND space_id = (SELECT space_id FROM spaces WHERE digest = ?)",
            (projection.digest, space.digest),
        )
        if not others:
            return 0
        from mmsearch.catalogue.region_writing import drop_other_projections

        with self._db.write() as connection:
            return drop_other_projections(connection, space.digest, projection.digest)

    def has_regions(self, space: Space, content_id: int) -> bool:
        """Whether a picture has region features in a space, of any projection."""
        if not self._keeps_regions():
            return False
        found = self._db.number(
            "SELECT count(*) FROM region_features JOIN region_projections USING (projection_id) "
            "WHERE content_id = ? AND space_id = (SELECT space_id FROM spaces WHERE digest = ?)",
            (content_id, space.digest),
        )
        return found > 0

    def _code_blobs(
        self, projection_id: int, content_ids: Ids, size_bytes: int
    ) -> dict[int, bytes]:
        if not projection_id:
            return {}
        rows = self._db.read(
            f"SELECT content_id AS item_id, {checked_columns(self._db, 'codes')} "  # noqa: S608 - fixed names
            "FROM region_features WHERE projection_id = ? "
            "AND content_id IN (SELECT value FROM json_each(?))",
            (projection_id, json.dumps(content_ids.tolist())),
        )
        blobs = checked_blobs(self._db, rows, size_bytes, "region features of picture")
        return {row["item_id"]: blob for row, blob in zip(rows, blobs, strict=True)}

    def _region_counts(self) -> dict[int, int]:
        """How many pictures have region features, by space id; spaces without any are absent."""
        if not self._keeps_regions():
            return {}
        rows = self._db.read(
            "SELECT space_id, count(DISTINCT content_id) FROM region_projections "
            "JOIN region_features USING (projection_id) GROUP BY space_id"
        )
        return {row[0]: row[1] for row in rows}

    def _projection_id(self, space: Space, projection: RegionProjection) -> int:
        """The id of a projection in a space, 0 while it has given nothing there."""
        if not self._keeps_regions():
            return 0
        return self._db.number(
            "SELECT projection_id FROM region_projections WHERE digest = ? "
            "AND space_id = (SELECT space_id FROM spaces WHERE digest = ?)",
            (projection.digest, space.digest),
        )

    def _keeps_regions(self) -> bool:
        return self._db.number("PRAGMA user_version") >= _FIRST_SCHEMA
