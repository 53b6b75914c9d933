"""The catalogue as a vector index sees it: embeddings in the order they were written.

Each write transaction gets a generation, larger than all before it. An embedding row carries the
generation that wrote it; a dropped one leaves a tombstone with the generation that dropped it.
Ids are never used twice, so an id has a tombstone and an embedding only where a damaged embedding
was made anew, later than the tombstone; hence a replay may send all tombstones first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import numpy as np

from mmsearch.catalogue.checksums import checked_blobs, checked_columns
from mmsearch.catalogue.database import Database
from mmsearch.catalogue.encoding import blob_bytes, from_blobs
from mmsearch.catalogue.schema_version import MODEL_CHANGES_SINCE
from mmsearch.protocols import EmbeddingChanges
from mmsearch.types import Ids, Modality

RUN_LENGTH = 8192


def embedding_table(modality: Modality) -> str:
    """The name of the table that holds the embeddings of a modality."""
    return f"{modality.value}_embeddings"


class CatalogueSource:
    """One modality of one space; an `EmbeddingSource`."""

    def __init__(self, db: Database, space_id: int, dim: int, modality: Modality) -> None:
        self._db = db
        self._space_id = space_id
        self._dim = dim
        self._modality = modality
        self._table = embedding_table(modality)

    @property
    def dim(self) -> int:
        """Embedding dimension d."""
        return self._dim

    @property
    def generation(self) -> int:
        """The generation of the newest change, 0 when there is none."""
        return self._db.number(
            f"SELECT max((SELECT coalesce(max(generation), 0) FROM {self._table} "  # noqa: S608 - a fixed name
            "WHERE space_id = ?1), (SELECT coalesce(max(generation), 0) FROM tombstones "
            "WHERE space_id = ?1 AND modality = ?2))",
            (self._space_id, self._modality.value),
        )

    def count(self) -> int:
        """How many embeddings the source holds now."""
        return self._db.number(
            f"SELECT count(*) FROM {self._table} WHERE space_id = ?",  # noqa: S608 - a fixed name
            (self._space_id,),
        )

    def can_replay_from(self, generation: int) -> bool:
        """Whether all changes after `generation` are still known (deletions included).

        False for a generation that this catalogue never had: a file of its predecessor; and for
        one from before this space was added: a file of the same space, dropped meanwhile.
        """
        if generation == 0:
            return True
        row = self._db.read("SELECT generation, replay_floor FROM meta")[0]
        oldest = max(row["replay_floor"], self._added_in())
        return bool(oldest <= generation <= row["generation"])

    def changes_since(self, generation: int) -> Iterator[EmbeddingChanges]:
        """Changes after `generation` in bounded runs, oldest first; 0 replays everything.

        Each run is a query of its own, so that no transaction stays open between them. What
        others write meanwhile has a later generation than the last run's and is replayed from
        there. A run that ends inside a generation claims the one before it only.

        Raises:
            CatalogueError: An embedding is damaged: none is handed on that might be.
        """
        end = self.generation
        if end <= generation:
            return
        if generation > 0:
            yield from self._removals(generation, end)
        position = (generation, np.iinfo(np.int64).max)
        reached = generation
        while rows := self._page(position, end):
            last = rows[-1]
            position = (last["generation"], last["item_id"])
            complete = len(rows) < RUN_LENGTH
            reached = end if complete else max(reached, last["generation"] - 1)
            yield EmbeddingChanges(
                removed=_ids([]),
                ids=_ids(rows),
                embeddings=from_blobs(self._blobs(rows), self._dim),
                generation=reached,
            )
            if complete:
                return
        yield EmbeddingChanges(_ids([]), _ids([]), from_blobs([], self._dim), end)

    def _added_in(self) -> int:
        """The generation in which this space was added; 0 where the schema does not tell."""
        if self._db.number("PRAGMA user_version") < MODEL_CHANGES_SINCE:
            return 0
        return self._db.number("SELECT since FROM spaces WHERE space_id = ?", (self._space_id,))

    def _page(self, after: tuple[int, int], end: int) -> list[sqlite3.Row]:
        return self._db.read(
            f"SELECT item_id, generation, {checked_columns(self._db, 'embedding')} "  # noqa: S608 - fixed names
            f"FROM {self._table} "
            "WHERE space_id = ? AND (generation, item_id) > (?, ?) AND generation <= ? "
            "ORDER BY generation, item_id LIMIT ?",
            (self._space_id, *after, end, RUN_LENGTH),
        )

    def _blobs(self, rows: list[sqlite3.Row]) -> list[bytes]:
        what = f"embedding of {self._modality.value}"
        return checked_blobs(self._db, rows, blob_bytes(self._dim), what)

    def _removals(self, generation: int, end: int) -> Iterator[EmbeddingChanges]:
        """Tombstones in bounded runs; they claim no generation, as embeddings follow."""
        position = (generation, np.iinfo(np.int64).max)
        while rows := self._db.read(
            "SELECT item_id, generation FROM tombstones WHERE space_id = ? AND modality = ? "
            "AND (generation, item_id) > (?, ?) AND generation <= ? "
            "ORDER BY generation, item_id LIMIT ?",
            (self._space_id, self._modality.value, *position, end, RUN_LENGTH),
        ):
            position = (rows[-1]["generation"], rows[-1]["item_id"])
            nothing = from_blobs([], self._dim)
            yield EmbeddingChanges(_ids(rows), _ids([]), nothing, generation)


def _ids(rows: list[sqlite3.Row]) -> Ids:
    return np.array([row["item_id"] for row in rows], dtype=np.int64)
