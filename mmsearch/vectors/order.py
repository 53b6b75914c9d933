"""What every search here agrees on, with FAISS or without: which queries, and in what order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmsearch.errors import VectorIndexError
from mmsearch.types import Embeddings, Neighbours

TOLERANCE = 1e-4
"""Two ways to add up a product of unit vectors differ by less, up to d of a few thousand."""


def checked_queries(queries: Embeddings, dim: int, k: int) -> Embeddings:
    """The queries `(q, dim)`, contiguous.

    Raises:
        VectorIndexError: Their shape does not fit, or they are not finite.
    """
    if queries.ndim != 2 or queries.shape[1] != dim or k < 0:
        raise VectorIndexError(
            f"queries of shape {queries.shape}, k {k}: need (q, {dim}) and k ≥ 0"
        )
    if not np.isfinite(queries).all():
        raise VectorIndexError("a query embedding is not finite: the model is broken")
    return np.ascontiguousarray(queries, dtype=np.float32)


def in_order(ids: NDArray[np.int64], scores: NDArray[np.float32]) -> Neighbours:
    """Ids and scores `(q, k)` by falling score, then rising id."""
    if (scores[:, :-1] > scores[:, 1:]).all():
        return Neighbours(ids, scores)
    order = np.lexsort((ids, -scores), axis=-1)
    return Neighbours(
        np.take_along_axis(ids, order, axis=-1), np.take_along_axis(scores, order, axis=-1)
    )


def joined(parts: Sequence[Neighbours], k: int) -> Neighbours:
    """The `k` nearest of what was found in several parts."""
    if len(parts) == 1:
        return parts[0]
    ids = np.concatenate([part.ids for part in parts], axis=1)
    scores = np.concatenate([part.scores for part in parts], axis=1)
    # Empty slots come last, as nothing scores less.
    found = in_order(ids, scores)
    exact = all(part.exact for part in parts)
    return Neighbours(found.ids[:, :k], found.scores[:, :k], exact)
