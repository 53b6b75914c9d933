"""The vector index that searches: FAISS rows kept level with the catalogue."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Self

import numpy as np

from mmsearch.errors import VectorIndexError
from mmsearch.protocols import EmbeddingChanges, EmbeddingSource
from mmsearch.types import Embeddings, Ids, Neighbours
from mmsearch.vectors.files import load, save
from mmsearch.vectors.manifest import read_manifest
from mmsearch.vectors.ranking import nearest
from mmsearch.vectors.recipes import recipe_for
from mmsearch.vectors.rows import Rows

logger = logging.getLogger(__name__)


class FaissIndex:
    """Nearest neighbours by inner product over one modality of one space; a `VectorIndex`.

    It lives in memory until `save`: a query catches up without writing, an indexing run saves.
    Not to be changed by two threads at once; searching at once is safe.
    """

    def __init__(self, path: Path, dim: int) -> None:
        self._path = path
        self._dim = dim
        self._rows = Rows.empty(recipe_for(0), dim)
        self._generation = 0
        self._digest: str | None = None
        self._dirty = False
        self._replaces = False

    @classmethod
    def open(cls, path: Path, dim: int) -> Self:
        """The index in a file; empty, at generation 0, when it is missing or cannot be used.

        A file that cannot be used is logged and left alone until the next `save` replaces it.
        """
        try:
            return cls.read(path, dim) or cls(path, dim)
        except VectorIndexError as exc:
            logger.warning("%s", exc)
            index = cls(path, dim)
            index._dirty = index._replaces = True
            return index

    @classmethod
    def read(cls, path: Path, dim: int) -> Self | None:
        """The index in a file, every id and code as it was saved; None when there is no file.

        Raises:
            VectorIndexError: It is damaged, or of another dimension.
        """
        loaded = load(path, dim)
        if loaded is None:
            return None
        index = cls(path, dim)
        index._rows, manifest = loaded
        index._generation = manifest.generation
        index._digest = manifest.digest
        return index

    @property
    def path(self) -> Path:
        """The file that `save` writes."""
        return self._path

    @property
    def dim(self) -> int:
        """Embedding dimension d."""
        return self._dim

    @property
    def generation(self) -> int:
        """The source generation this index covers."""
        return self._generation

    @property
    def dirty(self) -> bool:
        """Whether `save` would have something to write."""
        return self._dirty

    @property
    def rows(self) -> Rows:
        """Codes and ids, to look at: they change with the index."""
        return self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def catch_up(self, source: EmbeddingSource) -> int:
        """Rows applied to bring the index to the source's generation.

        What cannot be replayed is rebuilt: the file is too old, is of another catalogue, is
        damaged, or does not add up with the source's count.

        Raises:
            VectorIndexError: The source's dimension is not the index's.
        """
        if source.dim != self._dim:
            raise VectorIndexError(
                f"vector index {self._path} has dimension {self._dim}, its source {source.dim}: "
                "open it with the source's"
            )
        target = source.generation
        if target == self._generation:
            return 0
        if not source.can_replay_from(self._generation):
            self._start_anew("the catalogue cannot replay from its generation")
        elif not self._own():
            self._start_anew("its checksum does not fit")
        applied = self._replay(source)
        # Only where nobody wrote meanwhile do the two counts have to agree.
        if source.generation == self._generation and source.count() != len(self):
            self._start_anew(f"it holds {len(self)} rows where the catalogue has {source.count()}")
            applied = self._replay(source)
        return applied

    def search(self, queries: Embeddings, k: int, allowed: Ids | None = None) -> Neighbours:
        """The `k` nearest of each query `(q, d)`, among `allowed` `(a,)` ids where given.

        Scores are of float16 codes: within 1e-3 of float32 for normalised embeddings.

        Raises:
            VectorIndexError: The queries' shape does not fit, or they are not finite.
        """
        if queries.ndim != 2 or queries.shape[1] != self._dim or k < 0:
            raise VectorIndexError(
                f"queries of shape {queries.shape}, k {k}: need (q, {self._dim}) and k ≥ 0"
            )
        if not np.isfinite(queries).all():
            raise VectorIndexError("a query embedding is not finite: the model is broken")
        positions = None if allowed is None else self._rows.positions(allowed)
        rows = np.ascontiguousarray(queries, dtype=np.float32)
        return nearest(self._rows, rows, k, positions)

    def save(self, *, replace: bool = False) -> bool:
        """Write the file anew if anything changed; whether it was written.

        A file that is as new, saved by another process meanwhile, is left in place; not so one
        that turned out to be of no use, whatever it claims, nor any with `replace`.

        Raises:
            VectorIndexError: The file cannot be written.
        """
        if not self._dirty:
            return False
        keeps = self._generation > 0 and not (self._replaces or replace)
        if keeps and self._saved_generation() >= self._generation:
            self._dirty = False
            return False
        self._digest = save(self._path, self._rows, self._generation).digest
        self._dirty = self._replaces = False
        return True

    def verify(self) -> bool:
        """Whether all ids and codes fit the checksum they were saved with; reads everything."""
        return self._digest is None or self._rows.digest() == self._digest

    def _saved_generation(self) -> int:
        try:
            manifest = read_manifest(self._path)
        except VectorIndexError:
            return -1  # whatever is there now, ours is better
        return -1 if manifest is None else manifest.generation

    def _own(self) -> bool:
        """Copy mapped rows, so that they can be changed; False when they are damaged."""
        if not self._rows.mapped:
            return True
        if not self.verify():
            return False
        self._rows = self._rows.subset(np.arange(len(self._rows)))
        return True

    def _start_anew(self, reason: str) -> None:
        logger.warning("vector index %s is rebuilt: %s", self._path, reason)
        self._rows = Rows.empty(recipe_for(0), self._dim)
        self._generation = 0
        self._digest = None
        self._dirty = self._replaces = True

    def _replay(self, source: EmbeddingSource) -> int:
        applied = 0
        for changes in source.changes_since(self._generation):
            applied += self._apply(changes)
            self._generation = changes.generation
            self._digest = None
            self._dirty = True
        return applied

    def _apply(self, changes: EmbeddingChanges) -> int:
        before = len(self._rows)
        self._rows = self._rows.without(changes.removed)
        removed = before - len(self._rows)
        if len(changes.ids) == 0:
            return removed
        # Last one wins, also inside a run.
        ids, last = np.unique(changes.ids[::-1], return_index=True)
        self._rows = self._rows.without(ids)
        self._rows.append(ids, changes.embeddings[::-1][last])
        return removed + len(changes.ids)
