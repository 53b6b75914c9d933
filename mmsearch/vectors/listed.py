"""Rows that are found through lists: these choose a few, which are scored by their codes."""

from __future__ import annotations

from dataclasses import dataclass

import faiss
import numpy as np

from mmsearch.types import Embeddings, Ids, Neighbours, Scores
from mmsearch.vectors.blocks import Blocks
from mmsearch.vectors.lists import Lists
from mmsearch.vectors.ranking import in_order, threads_for
from mmsearch.vectors.rows import Rows


@dataclass(frozen=True, slots=True)
class Tier:
    """A look into the lists: the first `reach` of a query are those of `n_scored` by their codes.

    `breadth` times the recipe's lists are probed.
    """

    reach: int
    n_scored: int
    breadth: int


TIERS = (Tier(16, 24, 1), Tier(128, 256, 4))
"""A page of hits costs the first look, a reranker's candidates the second as well; what lies
deeper is found by an exact scan."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A tier, and how FAISS is asked for it."""

    tier: Tier
    parameters: faiss.IndexRefineSearchParameters


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Ids `(n,)` and scores `(n,)` of one query, by falling score, then rising id."""

    ids: Ids
    scores: Scores

    def continued(self, more: Ranked) -> Ranked:
        """These, and behind them what of `more` ranks behind them all.

        What ranks before was missed: so a longer answer always begins with the shorter one.
        """
        if not len(self.ids):
            return more
        last_id, last = self.ids[-1], self.scores[-1]
        behind = (more.scores < last) | ((more.scores == last) & (more.ids > last_id))
        return Ranked(
            np.concatenate([self.ids, more.ids[behind]]),
            np.concatenate([self.scores, more.scores[behind]]),
        )


class ListedRows:
    """The rows of a file and the lists that they lie in."""

    def __init__(self, rows: Rows, lists: Lists, blocks: Blocks) -> None:
        self._rows = rows
        self._lists = lists
        self._blocks = blocks
        self._index = faiss.IndexRefine(lists.index, rows.index)

    def looks(self, selector: faiss.IDSelector | None, breadth: int) -> tuple[Look, ...]:
        """How each tier looks among the positions selected, with so many times its breadth."""
        return tuple(
            Look(tier, _scoring(self._lists.parameters(selector, breadth * tier.breadth)))
            for tier in TIERS
        )

    def look(self, look: Look, queries: Embeddings) -> Neighbours:
        """The first `(q, reach)` of each query `(q, d)`: lists choose, the float16 codes score.

        All that is scored is checked, also what does not come out first: damage may be why.

        Raises:
            VectorIndexError: One of the blocks scored is damaged.
        """
        with threads_for(len(queries)):
            scores, found = self._index.search(queries, look.tier.n_scored, params=look.parameters)
        held = found >= 0
        if held.all():
            self._blocks.check(found, self._rows.index.code_size)
            near = in_order(self._rows.ids[found], scores)
        else:
            scores[~held] = -np.inf
            self._blocks.check(found[held], self._rows.index.code_size)
            near = in_order(np.where(held, self._rows.ids[found], -1), scores)
        reach = look.tier.reach
        return Neighbours(near.ids[:, :reach], near.scores[:, :reach], exact=False)


def _scoring(parameters: faiss.SearchParametersIVF) -> faiss.IndexRefineSearchParameters:
    """Score just what the lists choose."""
    return faiss.IndexRefineSearchParameters(  # by keywords, as Lists.parameters
        k_factor=1.0,  # type: ignore[call-arg]
        base_index_params=parameters,
    )
