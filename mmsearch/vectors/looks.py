"""How deep a search of a large index looks, and how one look continues another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import faiss
import numpy as np

from mmsearch.types import Embeddings, Ids, Neighbours, Scores


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


class Finder(Protocol):
    """What looks for the nearest of many rows without reading all of them here."""

    def look(self, look: Look, queries: Embeddings) -> Neighbours:
        """The first `(q, reach)` of each query `(q, d)`; empty places come last."""
        ...
