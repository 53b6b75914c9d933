"""A source of embeddings in plain lists: the catalogue's promises, without SQLite."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mmsearch.protocols import EmbeddingChanges
from mmsearch.types import Embeddings, Ids


class ListSource:
    """An `EmbeddingSource` that keeps a log of all puts and removals."""

    def __init__(self, dim: int, start: int = 0) -> None:
        self._dim = dim
        self._log: list[EmbeddingChanges] = []
        self._held: set[int] = set()
        self._generation = start
        self.floor = start
        self.replays = 0

    @property
    def generation(self) -> int:
        return self._generation if self._log else 0

    @property
    def dim(self) -> int:
        return self._dim

    def count(self) -> int:
        return len(self._held)

    def can_replay_from(self, generation: int) -> bool:
        return generation == 0 or self.floor <= generation <= self._generation

    def changes_since(self, generation: int) -> Iterator[EmbeddingChanges]:
        self.replays += 1
        return iter([run for run in self._log if run.generation > generation])

    def put(self, ids: list[int], embeddings: Embeddings) -> None:
        """Embeddings under ids, new or known."""
        self._change([], ids, embeddings)

    def remove(self, ids: list[int]) -> None:
        """Drop some ids."""
        self._change(ids, [], np.empty((0, self._dim), dtype=np.float32))

    def _change(self, removed: list[int], ids: list[int], embeddings: Embeddings) -> None:
        self._generation += 1
        gone: Ids = np.array(removed, dtype=np.int64)
        new: Ids = np.array(ids, dtype=np.int64)
        self._log.append(EmbeddingChanges(gone, new, embeddings, self._generation))
        self._held = (self._held - set(removed)) | set(ids)


def unit_rows(count: int, dim: int, seed: int = 0) -> Embeddings:
    """Random embeddings `(n, d)`, L2-normalised."""
    rows = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
