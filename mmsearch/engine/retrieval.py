"""Finds what is nearest, for many threads at once, each answer from one state of the catalogue.

Questions that come while others are answered are answered together: one thread at a time takes
all that wait, encodes their texts in one batch, opens a snapshot of the catalogue, brings the
vectors to it, and answers from both. So no search sees a change half made, and a batch costs
little more than a single question. One queue for encoding and searching: with one for each, half
as many would meet in a batch.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

import numpy as np

from mmsearch.engine.batching import Batcher
from mmsearch.engine.model_choice import SpaceLeftError
from mmsearch.engine.paging import Gallery, Page, PageAsk, find_pages
from mmsearch.engine.query_language import compose
from mmsearch.engine.recent import Recent
from mmsearch.errors import CatalogueError, MmsearchError, QueryError, VectorIndexError
from mmsearch.types import NO_FILTERS, Filters

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue
    from mmsearch.engine.catalogues import Catalogues
    from mmsearch.engine.corpora import Corpus
    from mmsearch.engine.request import QueryRequest
    from mmsearch.protocols import DualEncoder, VectorIndex
    from mmsearch.types import Embeddings, Ids, Space

logger = logging.getLogger(__name__)

Row = TypeVar("Row")

MOST_CALLS = 16
"""Questions that are answered together at most: while so many are computed, the answers of those
before them are written and the next ones read (of 32 clients, 16 at a time are 5 % quicker than
all at once)."""

_FILTERS_REMEMBERED = 16
"""So many filters' ids are kept: 8 bytes an item each."""

_SHALLOW = 256
"""Questions that look deeper are not searched together with those that do not."""


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """A request with its filters' path resolved, and what its picture is.

    `picture` is the picture's embedding `(1, d)`, None without one; `own` are its ids, no hits.
    """

    request: QueryRequest
    filters: Filters
    picture: Embeddings | None = None
    own: frozenset[int] = frozenset()

    def page(self, query: Embeddings) -> PageAsk:
        """The part of the answer that is wanted, once the question is one embedding `(1, d)`."""
        request = self.request
        return PageAsk(query, request.k, request.offset, request.min_score, self.own)


@dataclass(frozen=True, slots=True)
class _Scope:
    """What questions have in common that are searched together."""

    filters: Filters
    deep: bool
    exact: bool


_Groups: TypeAlias = dict[_Scope, list[tuple[int, PageAsk]]]
"""Questions with their numbers, by what they have in common."""


@dataclass(frozen=True, slots=True, eq=False)
class Found(Generic[Row]):
    """One page, and the query `(1, d)` it answers.

    `n_candidates` items passed the filters and were searched, in the state of `generation`.
    """

    page: Page[Row]
    query: Embeddings
    n_candidates: int
    generation: int


@dataclass(frozen=True, slots=True)
class RetrieverParts(Generic[Row]):
    """What a retriever works with.

    `space_to_ask` gives the space that questions are asked in, by the catalogue and the digest
    of the space their picture was embedded in before; `load_index` the vectors, level with the
    catalogue.
    """

    catalogues: Catalogues
    space: Space
    corpus: Corpus[Row]
    space_to_ask: Callable[[Catalogue, str | None], Space]
    load_encoder: Callable[[], DualEncoder]
    load_index: Callable[[Catalogue], VectorIndex]


class Retriever(Generic[Row]):
    """Searches one space of a corpus, always level with what any process has committed."""

    def __init__(self, parts: RetrieverParts[Row]) -> None:
        self._parts = parts
        self._loading = threading.Lock()
        self._index: VectorIndex | None = None
        self._following = threading.Lock()
        self._allowed: Recent[tuple[int, Filters], Ids] = Recent(_FILTERS_REMEMBERED)
        self._batcher: Batcher[Ask, Found[Row]] = Batcher(self._answer, MOST_CALLS)

    def prepare(self) -> None:
        """Begin to load the vectors, while the caller does something else."""
        if self._index is None:
            thread = ThreadPoolExecutor(1, thread_name_prefix="vectors")
            thread.submit(self._opened)  # where it fails, whoever asks first is told
            thread.shutdown(wait=False)

    def check(self, filters: Filters, catalogue: Catalogue) -> None:
        """Pass when a search can be made: asked before anything costly is done.

        Raises:
            QueryError: Nothing at all is indexed at `under`.
        """
        if filters.under is None:
            return
        with catalogue.snapshot():  # ids are kept for the generation that they are of
            if len(self._ids(filters, catalogue)):
                return
            if not len(self._ids(Filters(under=filters.under), catalogue)):
                raise QueryError(f"nothing is indexed under {filters.under}: check the path")

    def find(self, ask: Ask) -> Found[Row]:
        """The answer from the catalogue as it is now.

        Raises:
            QueryError: The parts of the question cancel each other out.
            CatalogueError: The space holds no item.
            SpaceLeftError: Now it is to be asked in another space.
        """
        return self._batcher(ask)

    def _answer(self, asks: Sequence[Ask]) -> list[Found[Row] | Exception]:
        """The answers in the order of the questions, all from the same state."""
        queries = self._embed(asks)
        answers: dict[int, Found[Row] | Exception] = {}
        try:
            answers.update(self._answer_now(asks, queries))
        except VectorIndexError as exc:
            # A damaged block is seen when it is first searched: catching up makes the index anew.
            logger.warning("%s", exc)
            answers.update(self._answer_now(asks, queries))
        return [answers[number] for number in range(len(asks))]

    def _answer_now(
        self, asks: Sequence[Ask], queries: Sequence[Embeddings | QueryError]
    ) -> dict[int, Found[Row] | Exception]:
        """The answers by the questions' numbers, from the state that the catalogue is in now."""
        index = self._opened()
        if index.superseded:
            self._follow()
        answers: dict[int, Found[Row] | Exception] = {}
        with self._parts.catalogues.lease() as catalogue, catalogue.snapshot():
            left = self._asked_elsewhere(asks, catalogue)
            groups: _Groups = {}
            for number, (ask, query) in enumerate(zip(asks, queries, strict=True)):
                if number in left:
                    answers[number] = SpaceLeftError(self._parts.space.name)
                elif isinstance(query, Exception):
                    answers[number] = query
                else:
                    wanted = ask.page(query)
                    scope = _Scope(ask.filters, wanted.depth > _SHALLOW, ask.request.exact)
                    groups.setdefault(scope, []).append((number, wanted))
            answers.update(self._find_groups(groups, index, catalogue))
        return answers

    def _asked_elsewhere(self, asks: Sequence[Ask], catalogue: Catalogue) -> set[int]:
        """The numbers of the questions that are to be asked in another space in this state."""
        to_ask = self._parts.space_to_ask
        prepared_in = {ask.request.prepared_in for ask in asks}
        left = {one for one in prepared_in if to_ask(catalogue, one) != self._parts.space}
        return {number for number, ask in enumerate(asks) if ask.request.prepared_in in left}

    def _find_groups(
        self, groups: _Groups, index: VectorIndex, catalogue: Catalogue
    ) -> dict[int, Found[Row]]:
        """What the questions find in the state that the catalogue shows, by their numbers.

        Raises:
            CatalogueError: The space holds no item.
        """
        found: dict[int, Found[Row]] = {}
        if not groups:
            return found
        index.catch_up(catalogue.source(self._parts.space, self._parts.corpus.modality))
        if not len(index):
            raise CatalogueError(self._parts.corpus.nothing)
        for scope, group in groups.items():
            gallery = self._gallery(scope, index, catalogue)
            found.update(_found(group, gallery, catalogue.generation))
        return found

    def _embed(self, asks: Sequence[Ask]) -> list[Embeddings | QueryError]:
        """Each question as one embedding `(1, d)`, all texts encoded in one run."""
        texts = list(dict.fromkeys(text for ask in asks for text in ask.request.texts))
        row_of: dict[str, Embeddings] = {}
        if texts:
            rows = self._parts.load_encoder().encode_texts(texts)
            row_of = {text: rows[at : at + 1] for at, text in enumerate(texts)}
        queries: list[Embeddings | QueryError] = []
        for ask in asks:
            parts = [row_of[text] for text in ask.request.texts]
            weights = list(ask.request.text_weights)
            if ask.picture is not None:
                parts.append(ask.picture)
                weights.append(ask.request.picture_weight)
            try:
                queries.append(compose(np.concatenate(parts), weights))
            except QueryError as exc:
                queries.append(exc)
        return queries

    def _opened(self) -> VectorIndex:
        """The vector index, loaded when it is first asked for."""
        with self._loading:
            if self._index is None:
                with self._parts.catalogues.lease() as catalogue:
                    self._index = self._parts.load_index(catalogue)
            return self._index

    def _follow(self) -> None:
        """Open the file that has replaced the one in use, while questions go on with that."""
        if not self._following.acquire(blocking=False):
            return

        def load() -> None:
            try:
                with self._parts.catalogues.lease() as catalogue:
                    self._index = self._parts.load_index(catalogue)
            except MmsearchError as exc:
                logger.info("the new vector file is not used: %s", exc)
            finally:
                self._following.release()

        threading.Thread(target=load, name="vectors", daemon=True).start()

    def _gallery(self, scope: _Scope, index: VectorIndex, catalogue: Catalogue) -> Gallery[Row]:
        """What the questions of a scope search."""
        filters = scope.filters
        allowed = None if filters == NO_FILTERS else self._ids(filters, catalogue)

        def rows(ids: Ids) -> dict[int, Row]:
            return self._parts.corpus.rows(catalogue, ids, filters)

        return Gallery(index, allowed, rows, scope.exact)

    def _ids(self, filters: Filters, catalogue: Catalogue) -> Ids:
        """The ids that pass the filters."""
        return self._allowed.get_or_make(
            (catalogue.generation, filters),
            lambda: self._parts.corpus.allowed(catalogue, filters),
        )


def _found(
    group: Sequence[tuple[int, PageAsk]], gallery: Gallery[Row], generation: int
) -> dict[int, Found[Row]]:
    """The answers of a group by their questions' numbers."""
    pages = find_pages([wanted for _, wanted in group], gallery)
    return {
        number: Found(page, wanted.query, gallery.size, generation)
        for (number, wanted), page in zip(group, pages, strict=True)
    }
