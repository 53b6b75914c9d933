"""Many queries at once: one product of all embeddings with all queries, in few steps.

FAISS decodes every code again for each query of a batch. With embeddings that are decoded once and
kept as float32, less is done from 4 queries on, and less than half of it from 16 on
(`benchmarks/batched_search.py`: 50,000 x 512). The products only choose candidates; FAISS then
scores these, so that a query gets the same answer, to the last bit, whoever asked beside it.

NumPy lets go of Python's lock in each of its steps, and in a busy server has to wait for it
after: hence few and large ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeAlias

import faiss
import numpy as np
from numpy.typing import NDArray

from mmsearch.runtime.products import MOST_IN_A_PRODUCT
from mmsearch.types import Embeddings, Scores
from mmsearch.vectors.order import TOLERANCE

_FIRST_STRETCH = 1024
_STRETCH = 8192
"""Rows whose scores are looked through together; the first few set the bar for the others."""

_ROWS_A_THREAD = 1 << 14

_Held: TypeAlias = tuple[NDArray[np.int64], Scores]
"""Positions `(c,)` and their scores `(c,)`."""


def candidates(
    floats: Embeddings, queries: Embeddings, k: int, allowed: NDArray[np.bool_] | None
) -> list[NDArray[np.int64]]:
    """For each query `(q, d)`, positions `(c,)` of rows, the `k` best of those allowed among them.

    `floats` are the rows `(n, d)`; `allowed` `(n,)`, None = all.
    """
    count = len(floats)
    parts = max(1, min(faiss.omp_get_max_threads(), count // _ROWS_A_THREAD))
    bounds = np.linspace(0, count, parts + 1).astype(int).tolist()
    gatherers = [_Gatherer(floats, queries, k, allowed) for _ in range(parts)]
    if parts == 1:
        gatherers[0].look_through(0, count)
    else:
        with ThreadPoolExecutor(parts, thread_name_prefix="products") as threads:
            runs = [
                threads.submit(gatherer.look_through, start, stop)
                for gatherer, (start, stop) in zip(gatherers, pairwise(bounds), strict=True)
            ]
            for run in runs:
                run.result()
    slack = _slack(queries)
    return [
        _within_reach([gatherer.found[query] for gatherer in gatherers], k, slack[query])
        for query in range(len(queries))
    ]


class _Gatherer:
    """Keeps, for each query, `found`: positions and scores of what may be among its k best."""

    def __init__(
        self, floats: Embeddings, queries: Embeddings, k: int, allowed: NDArray[np.bool_] | None
    ) -> None:
        self._floats = floats
        self._across = np.ascontiguousarray(queries.T)
        self._slack = _slack(queries)
        self._k = k
        self._allowed = allowed
        self._least = np.full(len(queries), np.finfo(np.float32).min, np.float32)
        nothing: _Held = (np.empty(0, np.int64), np.empty(0, np.float32))
        self.found = [nothing] * len(queries)

    def look_through(self, start: int, stop: int) -> None:
        """Gather from the rows at `start <= position < stop`."""
        next_raise = _STRETCH
        for first, scores in self._scores(start, stop):
            if self._allowed is not None:
                scores[~self._allowed[first : first + len(scores)]] = -np.inf
            if first == start and self._k < len(scores):
                bar = np.partition(scores, -self._k, axis=0)[-self._k] - self._slack
                self._least = np.maximum(self._least, bar)
            self._add(first, scores)
            if first + len(scores) - start >= next_raise:
                next_raise *= 2
                self._raise_bar()

    def _scores(self, start: int, stop: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """First position and scores `(m, q)` of one stretch of rows after the other."""
        memory = np.empty((_STRETCH, self._across.shape[1]), np.float32)
        first = start
        while first < stop:
            last = min(first + (_FIRST_STRETCH if first == start else _STRETCH), stop)
            scores = memory[: last - first]
            self._multiply(self._floats[first:last], scores)
            yield first, scores
            first = last

    def _multiply(self, rows: Embeddings, out: NDArray[np.float32]) -> None:
        """The products of some rows with all queries, as many small ones in one call."""
        dim, count = self._across.shape
        step = max(1, MOST_IN_A_PRODUCT // (dim * count))
        whole = len(rows) // step * step
        np.matmul(
            rows[:whole].reshape(-1, step, dim),
            self._across,
            out=out[:whole].reshape(-1, step, count),
        )
        if whole < len(rows):
            np.matmul(rows[whole:], self._across, out=out[whole:])

    def _add(self, first: int, scores: NDArray[np.float32]) -> None:
        """Take what reaches the bar, of all queries at once."""
        flat = np.flatnonzero(scores >= self._least)
        if not len(flat):
            return
        count = scores.shape[1]
        query = flat % count
        flat = flat[np.argsort(query, kind="stable")]
        ends = np.cumsum(np.bincount(query, minlength=count))
        positions, reached = flat // count + first, scores.reshape(-1)[flat]
        for number, (begin, end) in enumerate(pairwise([0, *ends.tolist()])):
            if end > begin:
                held = self.found[number]
                self.found[number] = (
                    np.concatenate([held[0], positions[begin:end]]),
                    np.concatenate([held[1], reached[begin:end]]),
                )

    def _raise_bar(self) -> None:
        """Drop what k others outdo for certain."""
        for number, (positions, scores) in enumerate(self.found):
            if len(scores) > self._k:
                bar = np.partition(scores, -self._k)[-self._k] - self._slack[number]
                kept = scores >= bar
                self.found[number] = positions[kept], scores[kept]
                self._least[number] = bar


def _within_reach(parts: Sequence[_Held], k: int, slack: np.float32) -> NDArray[np.int64]:
    """The positions that may be among the k best of all parts."""
    positions = np.concatenate([positions for positions, _ in parts])
    scores = np.concatenate([scores for _, scores in parts])
    if len(scores) <= k:
        return positions
    reach: NDArray[np.int64] = positions[scores >= np.partition(scores, -k)[-k] - slack]
    return reach


def _slack(queries: Embeddings) -> NDArray[np.float32]:
    """By how much two ways to score a row may differ, for each query `(q, d)`."""
    slack: NDArray[np.float32] = TOLERANCE * np.linalg.norm(queries, axis=1).astype(np.float32)
    return slack
