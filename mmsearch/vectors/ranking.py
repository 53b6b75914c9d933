"""The k nearest rows in one defined order: falling score, then rising id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import faiss
import numpy as np
from numpy.typing import NDArray

from mmsearch.types import Embeddings, Neighbours
from mmsearch.vectors.order import in_order, joined
from mmsearch.vectors.products import candidates
from mmsearch.vectors.rows import Rows

FEW_ONE_IN = 64
"""At most one row in so many allowed: copying their codes beats asking a selector of each."""

MANY_QUERIES = 4
MANY_ROWS = 4096
"""From so many on, products for all queries at once beat a scan for each (measured); where few
rows are allowed, a scan costs less, and more queries are needed."""

MOST_FLOATS = 1 << 26
"""So many numbers are kept as float32 for products, 256 MB: 131,072 embeddings of 512."""

FEW_WANTED = 64
"""Up to so many, the candidates of all queries together are soon scored for each of them."""

MOST_IN_A_PRODUCT = 64
"""Queries that share one pass over the codes."""

BYTES_A_THREAD = 1 << 24
"""A scan of so many bytes takes more than a millisecond, and is worth a thread."""

SPARE = 8
"""Rows fetched beyond k, so that a tie at the border is usually seen whole at once."""


def nearest(
    rows: Rows, queries: Embeddings, k: int, positions: NDArray[np.int64] | None
) -> Neighbours:
    """The `k` nearest rows of each query `(q, d)`, among `positions` where given."""
    if positions is not None and len(positions) * FEW_ONE_IN <= len(rows):
        rows, positions = rows.subset(positions), None
    count = len(rows) if positions is None else len(positions)
    if _is_for_products(rows, len(queries), count):
        return nearest_by_products(rows, queries, k, positions)
    return nearest_by_scan(rows, queries, k, positions)


def nearest_by_scan(
    rows: Rows, queries: Embeddings, k: int, positions: NDArray[np.int64] | None
) -> Neighbours:
    """The same by FAISS alone, which scans the codes for each query."""
    count = len(rows) if positions is None else len(positions)
    stretches = _stretches(rows, len(queries), positions)
    ids = np.full((len(queries), k), -1, dtype=np.int64)
    scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    pending = np.arange(len(queries))
    depth = min(k + SPARE, count)
    while len(pending) and depth > 0:
        found = _search(rows, stretches, queries[pending], depth)
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


def nearest_by_products(
    rows: Rows, queries: Embeddings, k: int, positions: NDArray[np.int64] | None
) -> Neighbours:
    """The same, to the last bit, by products that choose candidates, which FAISS scores."""
    ids = np.full((len(queries), k), -1, dtype=np.int64)
    scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    mask = None if positions is None else _mask(len(rows), positions)
    if k == 0:
        return Neighbours(ids, scores)
    for start in range(0, len(queries), MOST_IN_A_PRODUCT):
        some = queries[start : start + MOST_IN_A_PRODUCT]
        chosen = candidates(rows.floats(), some, k, mask)
        for which, among in _rescored(chosen, k):
            found = nearest_by_scan(rows.subset(among), some[which], k, None)
            ids[start:][which], scores[start:][which] = found.ids, found.scores
    return Neighbours(ids, scores)


def _rescored(
    chosen: Sequence[NDArray[np.int64]], k: int
) -> Iterator[tuple[slice, NDArray[np.int64]]]:
    """Which queries are scored among which positions: together, or each among its own."""
    if k <= FEW_WANTED:
        yield slice(0, len(chosen)), np.unique(np.concatenate(chosen))
        return
    for number, positions in enumerate(chosen):
        yield slice(number, number + 1), np.unique(positions)


def _is_for_products(rows: Rows, n_queries: int, n_allowed: int) -> bool:
    """Whether products with all rows are cheaper than a scan of those allowed for each query."""
    enough = n_queries * n_allowed >= MANY_QUERIES * len(rows)
    return enough and MANY_ROWS <= len(rows) <= MOST_FLOATS // rows.index.d


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Rows from `first` on as an index of their own, and which of them may be found."""

    first: int
    index: faiss.IndexFlatCodes
    selector: faiss.IDSelector | None


def _stretches(
    rows: Rows, n_queries: int, positions: NDArray[np.int64] | None
) -> tuple[_Stretch, ...]:
    """All rows in so many stretches as there are threads to scan them.

    FAISS gives a lone query one thread, which cannot read codes as fast as memory gives them.
    """
    threads = min(faiss.omp_get_max_threads(), rows.codes().nbytes // BYTES_A_THREAD)
    if n_queries > 1 or threads < 2:
        selector = None if positions is None else selector_of(len(rows), positions)
        return (_Stretch(0, rows.index, selector),)
    bounds = np.linspace(0, len(rows), threads + 1).astype(int).tolist()
    made = []
    for first, stop in pairwise(bounds):
        selector = None
        if positions is not None:
            within = positions[slice(*np.searchsorted(positions, (first, stop)))]
            selector = selector_of(stop - first, within - first)
        made.append(_Stretch(first, rows.view(first, stop), selector))
    return tuple(made)


def _search(
    rows: Rows, stretches: Sequence[_Stretch], queries: Embeddings, depth: int
) -> Neighbours:
    """FAISS's own result, put in order: by score alone, FAISS breaks ties as it happens."""
    own, *others = stretches
    if not others:
        return _search_stretch(rows, own, queries, depth)
    with ThreadPoolExecutor(len(others), thread_name_prefix="scan") as threads:
        runs = [threads.submit(_search_stretch, rows, one, queries, depth) for one in others]
        parts = [_search_stretch(rows, own, queries, depth), *(run.result() for run in runs)]
    return joined(parts, depth)


def _search_stretch(rows: Rows, stretch: _Stretch, queries: Embeddings, depth: int) -> Neighbours:
    """The same among the rows of one stretch; empty places come last."""
    parameters = faiss.SearchParameters()
    parameters.sel = stretch.selector
    with threads_for(len(queries)):
        scores, positions = stretch.index.search(queries, depth, params=parameters)
    empty = positions < 0
    scores[empty] = -np.inf
    return in_order(np.where(empty, -1, rows.ids[positions + stretch.first]), scores)


def selector_of(count: int, positions: NDArray[np.int64]) -> faiss.IDSelector:
    """Membership as one bit a row: the quickest test FAISS has at any share allowed."""
    bits = np.packbits(_mask(count, positions), bitorder="little")
    return faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg, arg-type]  # C++'s, in the stubs


def _mask(count: int, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each of `count` rows is at one of `positions`."""
    mask = np.zeros(count, dtype=np.bool_)
    mask[positions] = True
    return mask


@contextmanager
def threads_for(n_queries: int) -> Iterator[None]:
    """One thread for a lone query: FAISS splits by query, so others only cost their start.

    The setting belongs to the calling thread in OpenMP and is put back.
    """
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1 if n_queries == 1 else before)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
