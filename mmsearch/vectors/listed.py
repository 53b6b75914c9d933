"""Rows that are found through lists: these choose a few, which are scored by their codes."""

from __future__ import annotations

import faiss
import numpy as np

from mmsearch.types import Embeddings, Neighbours
from mmsearch.vectors.blocks import Blocks
from mmsearch.vectors.lists import Lists
from mmsearch.vectors.looks import TIERS, Look
from mmsearch.vectors.mapped import Visits
from mmsearch.vectors.order import in_order
from mmsearch.vectors.ranking import threads_for
from mmsearch.vectors.rows import Rows

OFTEN = 64
"""A process that searches so often has all blocks checked beside it, at gigabytes a second: else
its first thousands of searches would each check the few blocks that they are first to come to."""


class ListedRows:
    """The rows of a file and the lists that they lie in.

    `chooser` stands for the lists where it is given, such as a copy of them on a GPU.
    """

    def __init__(
        self,
        rows: Rows,
        lists: Lists,
        blocks: Blocks,
        visits: Visits,
        chooser: faiss.Index | None = None,
    ) -> None:
        self._rows = rows
        self._lists = lists
        self._blocks = blocks
        self._visits = visits
        self._index = faiss.IndexRefine(chooser or lists.index, rows.index)
        self._asked = 0

    def chosen_by(self, chooser: faiss.Index) -> ListedRows:
        """The same rows with another index to choose among them, by position."""
        return ListedRows(self._rows, self._lists, self._blocks, self._visits, chooser)

    def looks(self, selector: faiss.IDSelector | None, breadth: int) -> tuple[Look, ...]:
        """How each tier looks among the positions selected, with so many times its breadth."""
        return tuple(
            Look(tier, scoring(self._lists.parameters(selector, breadth * tier.breadth)))
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
        self._asked += 1
        if self._asked == OFTEN:
            self._blocks.check_all_beside(self._rows.index.code_size)
        self._visits.add(found.size)
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


def scoring(parameters: faiss.SearchParametersIVF) -> faiss.IndexRefineSearchParameters:
    """Score just what the lists choose."""
    return faiss.IndexRefineSearchParameters(  # by keywords, as Lists.parameters
        k_factor=1.0,  # type: ignore[call-arg]
        base_index_params=parameters,
    )
