"""The k nearest rows in one defined order: falling score, then rising id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import faiss
import numpy as np
from numpy.typing import NDArray

from mmsearch.types import Embeddings, Neighbours
from mmsearch.vectors.rows import Rows

FEW_ONE_IN = 64
"""At most one row in so many allowed: copying their codes beats asking a selector of each."""

SPARE = 8
"""Rows fetched beyond k, so that a tie at the border is usually seen whole at once."""


def nearest(
    rows: Rows, queries: Embeddings, k: int, positions: NDArray[np.int64] | None
) -> Neighbours:
    """The `k` nearest rows of each query `(q, d)`, among `positions` where given."""
    if positions is not None and len(positions) * FEW_ONE_IN <= len(rows):
        rows, positions = rows.subset(positions), None
    count = len(rows) if positions is None else len(positions)
    selector = None if positions is None else _selector(len(rows), positions)
    ids = np.full((len(queries), k), -1, dtype=np.int64)
    scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    pending = np.arange(len(queries))
    depth = min(k + SPARE, count)
    while len(pending) and depth > 0:
        found = _search(rows, queries[pending], depth, selector)
        # A tie that reaches the last row fetched may go on beyond it, with smaller ids.
        last = min(k, depth) - 1
        open_tie = found.scores[:, last] == found.scores[:, -1]
        settled = ~open_tie if depth < count else np.ones(len(pending), dtype=np.bool_)
        width = last + 1
        ids[pending[settled], :width] = found.ids[settled, :width]
        scores[pending[settled], :width] = found.scores[settled, :width]
        pending = pending[~settled]
        depth = min(depth * 4, count)
    return Neighbours(ids, scores)


def _search(
    rows: Rows, queries: Embeddings, depth: int, selector: faiss.IDSelector | None
) -> Neighbours:
    """FAISS's own result, put in order: by score alone, FAISS breaks ties as it happens."""
    parameters = faiss.SearchParameters()
    parameters.sel = selector
    with _threads_for(len(queries)):
        scores, positions = rows.index.search(queries, depth, params=parameters)
    ids = rows.ids[positions]
    order = np.lexsort((ids, -scores), axis=-1)
    return Neighbours(
        np.take_along_axis(ids, order, axis=-1), np.take_along_axis(scores, order, axis=-1)
    )


def _selector(count: int, positions: NDArray[np.int64]) -> faiss.IDSelector:
    """Membership as one bit a row: the quickest test FAISS has at any share allowed."""
    mask = np.zeros(count, dtype=np.bool_)
    mask[positions] = True
    bits = np.packbits(mask, bitorder="little")
    return faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg, arg-type]  # C++'s, in the stubs


@contextmanager
def _threads_for(n_queries: int) -> Iterator[None]:
    """One thread for a lone query: FAISS splits by query, so others only cost their start.

    The setting belongs to the calling thread in OpenMP and is put back.
    """
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1 if n_queries == 1 else before)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
