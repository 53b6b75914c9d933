"""The large, unchanging part of a vector index: a mapped file, less what was removed since."""

from __future__ import annotations

import faiss
import numpy as np
from numpy.typing import NDArray

from mmsearch.types import Embeddings, Ids, Neighbours
from mmsearch.vectors.files import Loaded
from mmsearch.vectors.lists import Lists
from mmsearch.vectors.manifest import Manifest
from mmsearch.vectors.ranking import in_order, nearest, selector_of, threads_for
from mmsearch.vectors.rows import Rows

REACH = 128
"""By lists, a query finds its first so many; what lies deeper is found by an exact scan."""

FEW = 1 << 14
FEW_ONE_IN = 16
"""With so few rows allowed, or at most one in so many, a scan of just these is exact and quick."""

_MOST_BREADTH = 4
"""A filter makes the nearest allowed lie further away: up to so many times the lists are probed."""


def lists_with_codes(loaded: Loaded) -> faiss.IndexRefine:
    """What scores by their codes the rows that the lists choose; by the codes alone without."""
    chooser = loaded.rows.index if loaded.lists is None else loaded.lists.index
    return faiss.IndexRefine(chooser, loaded.rows.index)


class Base:
    """Rows of a file that do not change; removed ones are left out of every search."""

    def __init__(self, loaded: Loaded) -> None:
        self.rows = loaded.rows
        self.lists = loaded.lists
        self.manifest: Manifest = loaded.manifest
        self._blocks = loaded.blocks
        self._refine = lists_with_codes(loaded)
        self._gone = np.empty(0, np.int64)
        self._alive: NDArray[np.int64] | None = None
        self._alive_selector: faiss.IDSelector | None = None

    def __len__(self) -> int:
        return len(self.rows) - len(self._gone)

    @property
    def removed(self) -> Ids:
        """Ids `(r,)` of the file that are no longer held."""
        return self.rows.ids[self._gone]

    def remove(self, ids: Ids) -> int:
        """How many of some ids were held, and are no longer."""
        gone = np.union1d(self._gone, self.rows.positions(ids))
        count = len(gone) - len(self._gone)
        if count:
            keep = np.ones(len(self.rows), np.bool_)
            keep[gone] = False
            self._gone, self._alive = gone, np.flatnonzero(keep)
            self._alive_selector = selector_of(len(self.rows), self._alive)
        return count

    def check(self) -> None:
        """Pass when all codes are as they were written, by the file as it is now.

        Raises:
            VectorIndexError: They are not.
        """
        self._blocks.forget()
        self._blocks.check_all(self.rows.index.code_size)

    def held(self) -> Rows:
        """A copy of the rows that are held, in memory, checked.

        Raises:
            VectorIndexError: The file is damaged.
        """
        self.check()
        alive = self._alive
        return self.rows.subset(np.arange(len(self.rows)) if alive is None else alive)

    def search(
        self, queries: Embeddings, k: int, allowed: Ids | None, *, exact: bool
    ) -> Neighbours:
        """The `k` nearest of each query `(q, d)`, among `allowed` `(a,)` ids where given.

        Raises:
            VectorIndexError: The file is damaged where the search leads.
        """
        positions = self._alive if allowed is None else self._allowed(allowed)
        count = len(self.rows) if positions is None else len(positions)
        few = count <= FEW or (allowed is not None and count * FEW_ONE_IN <= len(self.rows))
        if exact or few or self.lists is None or k == 0:
            return self._exact(queries, k, positions)
        near = self._by_lists(self.lists, queries, allowed, positions)
        return self._continued(near, queries, k, positions)

    def _allowed(self, ids: Ids) -> NDArray[np.int64]:
        positions = self.rows.positions(ids)
        if not len(self._gone):
            return positions
        return np.setdiff1d(positions, self._gone, assume_unique=True)

    def _exact(
        self, queries: Embeddings, k: int, positions: NDArray[np.int64] | None
    ) -> Neighbours:
        if positions is None or len(positions) * FEW_ONE_IN > len(self.rows):
            self._blocks.check_all(self.rows.index.code_size)
        else:
            self._blocks.check(positions, self.rows.index.code_size)
        return nearest(self.rows, queries, k, positions)

    def _by_lists(
        self,
        lists: Lists,
        queries: Embeddings,
        allowed: Ids | None,
        positions: NDArray[np.int64] | None,
    ) -> Neighbours:
        """The first `REACH` of each query: one-bit codes choose, the float16 codes score."""
        if allowed is None or positions is None:
            selector, breadth = self._alive_selector, 1
        else:
            selector = selector_of(len(self.rows), positions)
            breadth = min(_MOST_BREADTH, -(-len(self.rows) // max(1, len(positions))))
        parameters = lists.parameters(selector, breadth)
        refining = faiss.IndexRefineSearchParameters(  # keywords: see Lists.parameters
            k_factor=lists.recipe.n_scored / REACH,  # type: ignore[call-arg]
            base_index_params=parameters,
        )
        with threads_for(len(queries)):
            if self._blocks.n_unchecked:
                _, chosen = lists.index.search(queries, lists.recipe.n_scored, params=parameters)
                self._blocks.check(np.unique(chosen[chosen >= 0]), self.rows.index.code_size)
            scores, found = self._refine.search(queries, REACH, params=refining)
        empty = found < 0
        scores[empty] = -np.inf
        near = in_order(np.where(empty, -1, self.rows.ids[found]), scores)
        return Neighbours(near.ids, near.scores, exact=False)

    def _continued(
        self, near: Neighbours, queries: Embeddings, k: int, positions: NDArray[np.int64] | None
    ) -> Neighbours:
        """The `k` first of each query, of which the lists gave `near`.

        What lies deeper follows from an exact scan, less what the lists missed before: so every
        longer answer begins with the shorter ones, and pages join.
        """
        short = near.ids[:, -1] < 0
        if k <= REACH and not short.any():
            return Neighbours(near.ids[:, :k], near.scores[:, :k], exact=False)
        ids = np.full((len(queries), k), -1, np.int64)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        width = min(k, REACH)
        ids[:, :width], scores[:, :width] = near.ids[:, :width], near.scores[:, :width]
        for query in np.flatnonzero(short | (k > REACH)).tolist():
            start = 0 if short[query] else REACH
            rest = self._behind(near, query, queries, k - start, positions)
            ids[query, start : start + len(rest.ids[0])] = rest.ids[0]
            scores[query, start : start + len(rest.ids[0])] = rest.scores[0]
        return Neighbours(ids, scores, exact=False)

    def _behind(
        self,
        near: Neighbours,
        query: int,
        queries: Embeddings,
        wanted: int,
        positions: NDArray[np.int64] | None,
    ) -> Neighbours:
        """The `wanted` nearest of one query that rank behind all of its `near`, if it is full."""
        count = len(self.rows) if positions is None else len(positions)
        last_id, last = near.ids[query, -1], near.scores[query, -1]
        depth = min(count, wanted + 2 * REACH)
        while True:
            deep = self._exact(queries[query : query + 1], depth, positions)
            behind = np.ones(depth, np.bool_)
            if last_id >= 0:
                tie = (deep.scores[0] == last) & (deep.ids[0] > last_id)
                behind = (deep.scores[0] < last) | tie
            if depth == count or np.count_nonzero(behind) >= wanted:
                rest = np.flatnonzero(behind)[:wanted]
                return Neighbours(deep.ids[:, rest], deep.scores[:, rest], exact=False)
            depth = min(count, 4 * depth)
