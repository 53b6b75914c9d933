"""The large, unchanging part of a vector index: a mapped file, less what was removed since."""

from __future__ import annotations

import faiss
import numpy as np
from numpy.typing import NDArray

from mmsearch.types import Embeddings, Ids, Neighbours
from mmsearch.vectors.files import Loaded
from mmsearch.vectors.listed import ListedRows
from mmsearch.vectors.looks import TIERS, Finder, Look, Ranked
from mmsearch.vectors.manifest import Manifest
from mmsearch.vectors.mapped import Visits
from mmsearch.vectors.ranking import nearest, selector_of
from mmsearch.vectors.rows import Rows

FEW = 1 << 14
EXACT_ONE_IN = 16
"""With so few rows allowed, or at most one in so many, a scan of just these is exact and quick."""

_MOST_BREADTH = 4
"""A filter makes the nearest allowed lie further away: up to so many times the lists are probed."""


class Base:
    """Rows of a file that do not change; removed ones are left out of every search."""

    def __init__(self, loaded: Loaded) -> None:
        self.rows = loaded.rows
        self.lists = loaded.lists
        self.manifest: Manifest = loaded.manifest
        self._blocks = loaded.blocks
        self._visits = Visits(loaded.rows.codes(), mapped=loaded.rows.mapped)
        self._listed = _listed(loaded, self._visits)
        self._gpu: Finder | None = None
        self._gone = np.empty(0, np.int64)
        self._alive: NDArray[np.int64] | None = None
        self._alive_selector: faiss.IDSelector | None = None
        self._open_looks: tuple[Look, ...] | None = None

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
            self._open_looks = None
        return count

    def use_gpu(self) -> None:
        """Let a GPU choose what is scored, where one is; the lists do where it cannot.

        Those are searches of all rows. What is removed or filtered, a GPU index cannot leave out.
        """
        from mmsearch.vectors.gpu import on_gpu

        if self._listed is not None and self.lists is not None and self._gpu is None:
            self._gpu = on_gpu(self._listed, self.lists)

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
        few = count <= FEW or (allowed is not None and count * EXACT_ONE_IN <= len(self.rows))
        if exact or few or self._listed is None or k == 0:
            return self._exact(queries, k, positions)
        looks = self._looks(self._listed, allowed, positions)
        finder = self._listed if self._gpu is None or positions is not None else self._gpu
        return self._found(finder, looks, queries, k, positions)

    def _allowed(self, ids: Ids) -> NDArray[np.int64]:
        positions = self.rows.positions(ids)
        if not len(self._gone):
            return positions
        return np.setdiff1d(positions, self._gone, assume_unique=True)

    def _exact(
        self, queries: Embeddings, k: int, positions: NDArray[np.int64] | None
    ) -> Neighbours:
        if positions is None or len(positions) * EXACT_ONE_IN > len(self.rows):
            self._blocks.check_all(self.rows.index.code_size)
        else:
            self._blocks.check(positions, self.rows.index.code_size)
        self._visits.add(len(self.rows) if positions is None else len(positions))
        return nearest(self.rows, queries, k, positions)

    def _looks(
        self, listed: ListedRows, allowed: Ids | None, positions: NDArray[np.int64] | None
    ) -> tuple[Look, ...]:
        """How each tier looks into the lists; without a filter it is the same each time."""
        if allowed is None or positions is None:
            if self._open_looks is None:
                self._open_looks = listed.looks(self._alive_selector, 1)
            return self._open_looks
        breadth = min(_MOST_BREADTH, -(-len(self.rows) // max(1, len(positions))))
        return listed.looks(selector_of(len(self.rows), positions), breadth)

    def _found(
        self,
        finder: Finder,
        looks: tuple[Look, ...],
        queries: Embeddings,
        k: int,
        positions: NDArray[np.int64] | None,
    ) -> Neighbours:
        """The `k` first of each query: look after look, then an exact scan, until there are `k`.

        A look that finds less than its reach, as a filter leaves little, counts for nothing.
        """
        near = finder.look(looks[0], queries)
        if k <= near.ids.shape[1] and near.ids[:, -1].min() >= 0:
            return Neighbours(near.ids[:, :k], near.scores[:, :k], exact=False)
        nears = [near, *(finder.look(look, queries) for look in looks[1:])]
        ids = np.full((len(queries), k), -1, np.int64)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        for query in range(len(queries)):
            found = Ranked(np.empty(0, np.int64), np.empty(0, np.float32))
            for near in nears:
                if len(found.ids) < k and near.ids[query, -1] >= 0:
                    found = found.continued(Ranked(near.ids[query], near.scores[query]))
            if len(found.ids) < k:
                found = self._deeper(found, queries[query : query + 1], k, positions)
            width = min(k, len(found.ids))
            ids[query, :width], scores[query, :width] = found.ids[:width], found.scores[:width]
        return Neighbours(ids, scores, exact=False)

    def _deeper(
        self, found: Ranked, query: Embeddings, k: int, positions: NDArray[np.int64] | None
    ) -> Ranked:
        """The `k` first of one query `(1, d)`, which begin with those `found`."""
        count = len(self.rows) if positions is None else len(positions)
        depth = min(count, k + 2 * TIERS[-1].reach)
        while True:
            deep = self._exact(query, depth, positions)
            more = found.continued(Ranked(deep.ids[0], deep.scores[0]))
            if depth == count or len(more.ids) >= k:
                return more
            depth = min(count, 4 * depth)


def _listed(loaded: Loaded, visits: Visits) -> ListedRows | None:
    if loaded.lists is None:
        return None
    return ListedRows(loaded.rows, loaded.lists, loaded.blocks, visits)
