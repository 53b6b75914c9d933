"""The first hits of many queries, and where a right one is once they are reranked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmsearch.evaluation.metrics import BLOCK_SCORES
from mmsearch.types import Embeddings


@dataclass(frozen=True, slots=True, eq=False)
class FirstHits:
    """The first n hits of q queries: `items` `(q, n)` int64, `scores` `(q, n)` float32.

    Highest score first, ties by ascending id, as in `metrics`.
    """

    items: NDArray[np.int64]
    scores: NDArray[np.float32]


def first_hits(queries: Embeddings, gallery: Embeddings, n: int) -> FirstHits:
    """The first `n` hits of queries `(q, d)` in a gallery `(g, d)`, all of it where g < n."""
    n = min(n, len(gallery))
    items = np.empty((len(queries), n), np.int64)
    scores = np.empty((len(queries), n), np.float32)
    for part, block in _blocks(queries, gallery):
        # Stable, so that equal scores stay in the order of their ids.
        items[part] = np.argsort(-block, axis=1, kind="stable")[:, :n]
        scores[part] = np.take_along_axis(block, items[part], axis=1)
    return FirstHits(items, scores)


def reranked_ranks(
    dual_ranks: NDArray[np.int64],
    right: NDArray[np.bool_],
    fused: NDArray[np.float32],
    k: int,
) -> NDArray[np.int64]:
    """The rank `(q,)`, from 1, of each query's best right item, its first `k` hits reranked.

    They go by fused score, ties by dual rank; what lies behind them stays where it was.

    Args:
        dual_ranks: `(q,)` ranks of the best right item by the dual encoder alone.
        right: `(q, n)` which of the first n hits are right, in dual order.
        fused: `(q, n)` the fused score of each.
        k: At most n.
    """
    order = np.argsort(-fused[:, :k], axis=1, kind="stable")
    by_place = np.take_along_axis(right[:, :k], order, axis=1)
    return np.where(by_place.any(axis=1), 1 + by_place.argmax(axis=1), dual_ranks)


def _blocks(
    queries: Embeddings, gallery: Embeddings
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Slices of the queries, with their `(rows, g)` scores against the whole gallery."""
    rows = max(1, BLOCK_SCORES // len(gallery))
    columns = gallery.astype(np.float64).T
    for start in range(0, len(queries), rows):
        part = slice(start, min(start + rows, len(queries)))
        yield part, (queries[part].astype(np.float64) @ columns).astype(np.float32)
