"""The plain truth beside FAISS: NumPy brute force in float32."""

from __future__ import annotations

import numpy as np

from mmsearch.protocols import EmbeddingSource
from mmsearch.types import Embeddings, Ids, Neighbours


class ReferenceIndex:
    """A `VectorIndex` that sorts all scores; slow, and clear enough to believe."""

    def __init__(self, dim: int) -> None:
        self._dim = dim
        self._rows: dict[int, Embeddings] = {}
        self._generation = 0

    @property
    def generation(self) -> int:
        """The source generation this index covers."""
        return self._generation

    @property
    def superseded(self) -> bool:
        """Never: it is of no file."""
        return False

    def __len__(self) -> int:
        return len(self._rows)

    def catch_up(self, source: EmbeddingSource) -> int:
        """Rows applied to bring the index to the source's generation."""
        if not source.can_replay_from(self._generation):
            self._rows, self._generation = {}, 0
        applied = 0
        for changes in source.changes_since(self._generation):
            for item in changes.removed.tolist():
                applied += self._rows.pop(item, None) is not None
            self._rows.update(zip(changes.ids.tolist(), changes.embeddings, strict=True))
            applied += len(changes.ids)
            self._generation = changes.generation
        return applied

    def search(
        self,
        queries: Embeddings,
        k: int,
        allowed: Ids | None = None,
        *,
        exact: bool = True,  # noqa: ARG002 - it always is
    ) -> Neighbours:
        """The `k` nearest of each query `(q, d)`, among `allowed` `(a,)` ids where given."""
        held = sorted(self._rows)
        if allowed is not None:
            wanted = set(allowed.tolist())
            held = [item for item in held if item in wanted]
        ids = np.full((len(queries), k), -1, dtype=np.int64)
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        for row, query in enumerate(queries):
            scored = sorted((-float(np.dot(self._rows[item], query)), item) for item in held)
            for column, (score, item) in enumerate(scored[:k]):
                ids[row, column] = item
                scores[row, column] = -score
        return Neighbours(ids, scores)
