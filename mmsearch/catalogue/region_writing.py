"""Region features into the catalogue, each picture's once for a projection."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from mmsearch.catalogue.checksums import checksum_of
from mmsearch.catalogue.tables import region_features, region_projections
from mmsearch.errors import CatalogueError
from mmsearch.rerank_types import RegionCodes, RegionProjection


def code_blobs(codes: RegionCodes, projection: RegionProjection) -> list[bytes]:
    """Codes `(n, r, c)` int8 as one blob a picture, row by row.

    Raises:
        CatalogueError: The codes do not have the shape that the projection gives.
    """
    shape = (projection.n_regions, projection.dim)
    if codes.ndim != 3 or codes.shape[1:] != shape or codes.dtype != np.int8:
        raise CatalogueError(
            f"region features come as {codes.shape} {codes.dtype}: "
            f"this projection gives (n, {shape[0]}, {shape[1]}) int8"
        )
    return [picture.tobytes() for picture in codes]


def put_regions(
    connection: Connection,
    space_id: int,
    projection: RegionProjection,
    rows: Sequence[tuple[int, bytes]],
) -> int:
    """Write `(content id, codes)` rows of a projection in a space; how many were new.

    A picture that has codes keeps them: another process was first with the same bytes.
    """
    if not rows:
        return 0
    projection_id = _projection_row(connection, space_id, projection)
    values = [
        {
            "content_id": item,
            "projection_id": projection_id,
            "codes": blob,
            "checksum": checksum_of(blob),
        }
        for item, blob in rows
    ]
    return connection.execute(insert(region_features).on_conflict_do_nothing(), values).rowcount


def drop_unknown(
    connection: Connection, rows: Sequence[tuple[int, bytes]]
) -> list[tuple[int, bytes]]:
    """Those of `(content id, codes)` whose picture is (still) in the catalogue."""
    ids = json.dumps([item for item, _ in rows])
    found = connection.exec_driver_sql(
        "SELECT content_id FROM contents WHERE content_id IN (SELECT value FROM json_each(?))",
        (ids,),
    )
    alive = {int(row[0]) for row in found}
    return [row for row in rows if row[0] in alive]


def drop_other_projections(connection: Connection, space_digest: str, digest: str) -> int:
    """Drop all projections of a space but that of `digest`; how many codes go with them."""
    others = (
        "SELECT projection_id FROM region_projections WHERE digest <> ? "
        "AND space_id = (SELECT space_id FROM spaces WHERE digest = ?)"
    )
    dropped = connection.exec_driver_sql(
        f"DELETE FROM region_features WHERE projection_id IN ({others})",  # noqa: S608 - a fixed query
        (digest, space_digest),
    ).rowcount
    connection.exec_driver_sql(
        f"DELETE FROM region_projections WHERE projection_id IN ({others})",  # noqa: S608 - a fixed query
        (digest, space_digest),
    )
    return dropped


def drop_regions(connection: Connection, space_id: int, content_ids: Sequence[int]) -> int:
    """Drop the codes of some pictures in a space, whatever projection gave them; how many."""
    return connection.exec_driver_sql(
        "DELETE FROM region_features WHERE content_id IN (SELECT value FROM json_each(?)) "
        "AND projection_id IN (SELECT projection_id FROM region_projections WHERE space_id = ?)",
        (json.dumps(list(content_ids)), space_id),
    ).rowcount


def _projection_row(connection: Connection, space_id: int, projection: RegionProjection) -> int:
    """The id of a projection in a space, recorded where new."""
    table = region_projections
    row = {
        "space_id": space_id,
        "digest": projection.digest,
        "regions": projection.n_regions,
        "dim": projection.dim,
    }
    connection.execute(insert(table).values(row).on_conflict_do_nothing())
    found = select(table.c.projection_id).where(
        table.c.space_id == space_id, table.c.digest == projection.digest
    )
    return int(connection.execute(found).scalar_one())
