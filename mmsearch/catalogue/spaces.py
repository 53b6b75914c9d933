"""The embedding spaces an index holds, and the embeddings in them."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmsearch.catalogue.checksums import checked_blobs, checked_columns
from mmsearch.catalogue.database import Database
from mmsearch.catalogue.encoding import blob_bytes, from_blobs
from mmsearch.catalogue.records import SpaceRecord
from mmsearch.catalogue.regions import Regions
from mmsearch.catalogue.source import CatalogueSource, embedding_table
from mmsearch.errors import CatalogueError
from mmsearch.protocols import EmbeddingSource
from mmsearch.types import Embeddings, Ids, InputSpec, Modality, ResizeMode, Space

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Spaces(Regions):
    """The part of the catalogue that knows the models its embeddings come from."""

    _db: Database

    def add_space(self, space: Space) -> SpaceRecord:
        """The record of a space, added where new; the first one becomes the default."""
        if not any(record.space.digest == space.digest for record in self.spaces()):
            with self._db.write() as connection:
                _insert_space(connection, space)
        return next(record for record in self.spaces() if record.space.digest == space.digest)

    def spaces(self) -> list[SpaceRecord]:
        """All spaces with their sizes, in the order they were added."""
        rows = self._db.read(
            "SELECT *, space_id IS (SELECT default_space_id FROM meta) AS is_default, "
            "(SELECT count(*) FROM image_embeddings e WHERE e.space_id = s.space_id) AS images, "
            "(SELECT count(*) FROM caption_embeddings e WHERE e.space_id = s.space_id) AS texts "
            "FROM spaces s ORDER BY space_id"
        )
        with_regions = self._region_counts()
        return [
            SpaceRecord(
                space=space_of(row),
                n_images=row["images"],
                n_captions=row["texts"],
                is_default=bool(row["is_default"]),
                n_with_regions=with_regions.get(row["space_id"], 0),
            )
            for row in rows
        ]

    def known_spaces(self) -> list[Space]:
        """All spaces, in the order they were added; cheap, as nothing is counted."""
        return [space_of(row) for row in self._db.read("SELECT * FROM spaces ORDER BY space_id")]

    def default_space(self) -> Space | None:
        """The space that queries use when none is named; None in a catalogue without spaces."""
        rows = self._db.read(
            "SELECT * FROM spaces WHERE space_id = (SELECT default_space_id FROM meta)"
        )
        return space_of(rows[0]) if rows else None

    def source(self, space: Space, modality: Modality) -> EmbeddingSource:
        """What a vector index of one space and modality must hold."""
        return CatalogueSource(self._db, self._space_id(space), space.dim, modality)

    def embedding_of(
        self, space: Space, modality: Modality, item_id: int
    ) -> NDArray[np.float32] | None:
        """One embedding `(d,)`, L2-normalised; None when the item has none in this space."""
        rows = self.embeddings_left(space, modality, np.array([item_id], np.int64))
        return rows[0] if len(rows) else None

    def embeddings_of(self, space: Space, modality: Modality, ids: Ids) -> Embeddings:
        """Embeddings `(n, d)` of `ids` `(n,)`, in their order.

        Raises:
            CatalogueError: An item has no embedding in this space.
        """
        blobs = self._blobs(space, modality, ids)
        missing = next((item for item in ids.tolist() if item not in blobs), None)
        if missing is not None:
            raise CatalogueError(
                f"{modality} {missing} has no embedding of {space.name}: index with that model"
            )
        return from_blobs([blobs[item] for item in ids.tolist()], space.dim)

    def embeddings_left(self, space: Space, modality: Modality, ids: Ids) -> Embeddings:
        """Embeddings `(m, d)`, m <= n, of those of `ids` `(n,)` that (still) have one."""
        return from_blobs(list(self._blobs(space, modality, ids).values()), space.dim)

    def has_embedding(self, space: Space, content_id: int) -> bool:
        """Whether a picture is embedded in this space."""
        found = self._db.number(
            "SELECT count(*) FROM image_embeddings WHERE item_id = ? AND space_id = ?",
            (content_id, self._space_id(space)),
        )
        return found > 0

    def _blobs(self, space: Space, modality: Modality, ids: Ids) -> dict[int, bytes]:
        rows = self._db.read(
            f"SELECT item_id, {checked_columns(self._db, 'embedding')} "  # noqa: S608 - fixed names
            f"FROM {embedding_table(modality)} "
            "WHERE space_id = ? AND item_id IN (SELECT value FROM json_each(?))",
            (self._space_id(space), json.dumps(ids.tolist())),
        )
        what = f"embedding of {modality.value}"
        blobs = checked_blobs(self._db, rows, blob_bytes(space.dim), what)
        return {row["item_id"]: blob for row, blob in zip(rows, blobs, strict=True)}

    def _space_id(self, space: Space) -> int:
        found = self._db.number("SELECT space_id FROM spaces WHERE digest = ?", (space.digest,))
        if not found:
            raise CatalogueError(
                f"catalogue {self._db.path} holds nothing of model {space.name}: "
                "index with that model first"
            )
        return found


def _insert_space(connection: Connection, space: Space) -> None:
    from sqlalchemy.dialects.sqlite import insert

    from mmsearch.catalogue.tables import spaces

    row = {
        "digest": space.digest,
        "name": space.name,
        "dim": space.dim,
        "input_height": space.input.height,
        "input_width": space.input.width,
        "resize_mode": space.input.resize_mode.value,
        "interpolation": space.input.interpolation,
        "fill": json.dumps(space.input.fill),
        "since": connection.exec_driver_sql("SELECT generation FROM meta").scalar_one(),
    }
    connection.execute(insert(spaces).values(row).on_conflict_do_nothing())
    connection.exec_driver_sql(
        "UPDATE meta SET default_space_id = (SELECT space_id FROM spaces WHERE digest = ?) "
        "WHERE default_space_id IS NULL",
        (space.digest,),
    )


def space_of(row: sqlite3.Row) -> Space:
    """The space of a row of `spaces`.

    Raises:
        CatalogueError: The row is damaged.
    """
    try:
        return _space_of_sound(row)
    except (ValueError, TypeError) as exc:
        raise CatalogueError(
            f"the catalogue holds a damaged description of model {row['name']!r} ({exc}): "
            "restore a backup, or move the catalogue away and index again"
        ) from exc


def _space_of_sound(row: sqlite3.Row) -> Space:
    red, green, blue = json.loads(row["fill"])
    spec = InputSpec(
        height=row["input_height"],
        width=row["input_width"],
        resize_mode=ResizeMode(row["resize_mode"]),
        interpolation=row["interpolation"],
        fill=(red, green, blue),
    )
    return Space(name=row["name"], digest=row["digest"], dim=row["dim"], input=spec)
