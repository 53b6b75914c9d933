"""From nearest ids to pages of rows: one search for all questions that share their filters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from mmsearch.engine.relevance import N_JUDGED

if TYPE_CHECKING:
    from mmsearch.protocols import VectorIndex
    from mmsearch.types import Embeddings, Ids, Scores

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, eq=False)
class PageAsk:
    """Which part of the answer to a query `(1, d)` is wanted; `own` ids are no hits."""

    query: Embeddings
    k: int
    offset: int = 0
    min_score: float | None = None
    own: frozenset[int] = frozenset()

    @property
    def depth(self) -> int:
        """How many of the nearest ids are needed, if all of them have a row."""
        return max(self.offset + self.k, N_JUDGED) + len(self.own)


@dataclass(frozen=True, slots=True, eq=False)
class Page(Generic[Row]):
    """Scores with rows, best first; `best` are the ids `(b,)` that lead the whole answer.

    `exact` is False where something nearer may have been missed.
    """

    hits: list[tuple[float, Row]]
    best: Ids
    exact: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Gallery(Generic[Row]):
    """What is searched: an index, which `(a,)` ids of it (None = all), and the rows of ids.

    With `exact` none of the nearest is missed.
    """

    index: VectorIndex
    allowed: Ids | None
    rows: Callable[[Ids], dict[int, Row]]
    exact: bool = False

    @property
    def size(self) -> int:
        """How many ids are searched at most."""
        held = len(self.index)
        return held if self.allowed is None else min(held, len(self.allowed))


def find_pages(asks: Sequence[PageAsk], gallery: Gallery[Row]) -> list[Page[Row]]:
    """The pages in the order of the questions."""
    done: dict[int, Page[Row]] = {}
    waiting = list(range(len(asks)))
    factor = 1
    while waiting:
        pages = _look([asks[number] for number in waiting], gallery, factor)
        done.update((n, page) for n, page in zip(waiting, pages, strict=True) if page is not None)
        waiting = [number for number in waiting if number not in done]
        # An id without a row belongs to a file that has left while its vector stays a while.
        factor *= 4
    return [done[number] for number in range(len(asks))]


def _look(asks: Sequence[PageAsk], gallery: Gallery[Row], factor: int) -> list[Page[Row] | None]:
    """The pages that are complete once `factor` times their depth was looked through."""
    depths = [min(gallery.size, factor * ask.depth) for ask in asks]
    queries = np.concatenate([ask.query for ask in asks])
    found = gallery.index.search(queries, max(depths), gallery.allowed, exact=gallery.exact)
    near: list[tuple[Ids, Scores]] = []
    for depth, ids, scores in zip(depths, found.ids, found.scores, strict=True):
        count = int((ids[:depth] >= 0).sum())
        near.append((ids[:count], scores[:count]))
    row_of = gallery.rows(_distinct(np.concatenate([ids for ids, _ in near])))
    pages: list[Page[Row] | None] = []
    for ask, depth, (ids, scores) in zip(asks, depths, near, strict=True):
        hits, is_last = _hits(ask, ids, scores, row_of)
        is_last = is_last or len(ids) < depth or depth == gallery.size
        complete = is_last or len(hits) >= ask.offset + ask.k
        best = [item for item in ids.tolist() if item not in ask.own][:N_JUDGED]
        page = hits[ask.offset : ask.offset + ask.k]
        pages.append(Page(page, np.array(best, np.int64), found.exact) if complete else None)
    return pages


def _distinct(ids: Ids) -> Ids:
    """Ids `(n,)` rising, each once: `np.unique` imports more than a first question has time for."""
    rising = np.sort(ids)
    first = np.ones(len(rising), np.bool_)
    first[1:] = rising[1:] != rising[:-1]
    return rising[first]


def _hits(
    ask: PageAsk, ids: Ids, scores: Scores, row_of: dict[int, Row]
) -> tuple[list[tuple[float, Row]], bool]:
    """Scores with rows, best first; whether no later id can score what is asked for."""
    good = len(ids) if ask.min_score is None else int((scores >= ask.min_score).sum())
    pairs = [
        (score, row_of[item])
        for item, score in zip(ids[:good].tolist(), scores[:good].tolist(), strict=True)
        if item in row_of and item not in ask.own
    ]
    return pairs, good < len(ids)
