"""Puts the first hits of an answer in the order of a cross encoder, within a time budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from mmsearch.engine.pace import Budget, Pace
from mmsearch.engine.recent import Recent
from mmsearch.errors import CatalogueError, ModelError
from mmsearch.rerank.fusion import fused_captions, fused_images
from mmsearch.types import Modality

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue
    from mmsearch.engine.region_reading import Codes, RegionReader
    from mmsearch.protocols import CrossEncoder
    from mmsearch.rerank import RerankerSource
    from mmsearch.types import CaptionRecord, Embeddings, Filters, MediaRecord, Scores

Row = TypeVar("Row")

RerankScores = Mapping[int, float]
"""The fused score of each hit that was read, by its id; higher is better."""

_REMEMBERED = 256
"""Orders that are kept: 30 kB each at the usual depth."""

_PRACTICE = (1, 16)
"""Runs that are made before time is limited for the first time, to know how long they take."""


@dataclass(frozen=True, slots=True)
class RerankAsk:
    """What an order is of: pages of one answer share it, another state of the index does not.

    `query` holds the bytes of the question's embedding.
    """

    target: Modality
    text: str | None
    query: bytes
    filters: Filters
    min_score: float | None
    depth: int
    budget_ms: float | None
    generation: int


@dataclass(frozen=True, slots=True)
class Ranked(Generic[Row]):
    """One hit in its final place; `rerank_score` and `dual_rank` are those of `Hit`."""

    rank: int
    score: float
    row: Row
    rerank_score: float | None = None
    dual_rank: int | None = None


@dataclass(frozen=True, slots=True)
class RerankerParts:
    """A reranker, how it is loaded (`load` remembers what it gave), and what it reads."""

    source: RerankerSource
    load: Callable[[], CrossEncoder]
    regions: RegionReader


@dataclass(frozen=True, slots=True)
class CaptionHits:
    """Captions, best first by cosine, found for a picture with the region features `codes`."""

    hits: Sequence[tuple[float, CaptionRecord]]
    codes: Codes


class Reranker:
    """Scores first hits for one space, for many threads; what it found is remembered."""

    def __init__(self, parts: RerankerParts) -> None:
        self._parts = parts
        self._remembered: Recent[RerankAsk, RerankScores] = Recent(_REMEMBERED)
        self._pace = Pace()
        self._is_prepared = False

    @property
    def source(self) -> RerankerSource:
        """Which reranker this is."""
        return self._parts.source

    @property
    def regions(self) -> RegionReader:
        """Where it has the region features of pictures from."""
        return self._parts.regions

    def prepare(self, text: str | None) -> None:
        """Begin to load the cross encoder for a question, while the caller does something else."""
        if not self._is_prepared:
            self._is_prepared = True
            thread = ThreadPoolExecutor(1, thread_name_prefix="reranker")
            thread.submit(self._run_first, text or "")  # where it fails, whoever scores is told
            thread.shutdown(wait=False)

    def remembered(self, ask: RerankAsk) -> RerankScores:
        """What is known of an order without scoring; empty where it was not made lately."""
        return self._remembered.get(ask) or {}

    def pictures(
        self, ask: RerankAsk, hits: Sequence[tuple[float, MediaRecord]], catalogue: Catalogue
    ) -> RerankScores:
        """The scores of pictures, best first by cosine, for the words of a question.

        Raises:
            ModelError: The reranker cannot be loaded, or gives what is no number.
        """
        return self._remembered.get_or_make(ask, lambda: self._pictures(ask, hits, catalogue))

    def captions(self, ask: RerankAsk, hits: CaptionHits, catalogue: Catalogue) -> RerankScores:
        """The scores of captions for a picture.

        Raises:
            ModelError: As `pictures`.
        """
        return self._remembered.get_or_make(ask, lambda: self._captions(ask, hits, catalogue))

    def _run_first(self, text: str) -> None:
        """Load the cross encoder and run it: most of its first run is work that is done once."""
        encoder, grid = self._parts.load(), self._parts.source.projection
        regions = np.zeros((2, grid.rows * grid.columns, grid.dim), np.int8)
        encoder.score([text], regions, np.array([[0, 0], [0, 1]], np.int64))

    def _pictures(
        self, ask: RerankAsk, hits: Sequence[tuple[float, MediaRecord]], catalogue: Catalogue
    ) -> RerankScores:
        encoder = self._parts.load()
        budget = Budget(ask.budget_ms, self._pace)
        codes = self.regions.read([media for _, media in hits], catalogue, budget)
        scorable = [(score, media) for score, media in hits if media.content_id in codes]

        def score(part: slice) -> Scores:
            regions = np.stack([codes[media.content_id] for _, media in scorable[part]])
            numbers = np.arange(len(regions), dtype=np.int64)
            pairs = np.stack([np.zeros_like(numbers), numbers], axis=1)
            return encoder.score([ask.text or ""], regions, pairs)

        logits = self._logits(len(scorable), score, budget)
        ids = [media.content_id for _, media in scorable]
        cosines = [cosine for cosine, _ in scorable]
        items = self._items(Modality.IMAGE, ids[: len(logits)], cosines, catalogue)
        scores = fused_images(encoder.fusion, encoder.bank, logits, *items)
        return self._checked(ids, scores)

    def _captions(self, ask: RerankAsk, asked: CaptionHits, catalogue: Catalogue) -> RerankScores:
        hits, codes = asked.hits, asked.codes
        encoder = self._parts.load()

        def score(part: slice) -> Scores:
            texts = [caption.text for _, caption in hits[part]]
            numbers = np.arange(len(texts), dtype=np.int64)
            pairs = np.stack([numbers, np.zeros_like(numbers)], axis=1)
            return encoder.score(texts, codes[np.newaxis], pairs)

        logits = self._logits(len(hits), score, Budget(ask.budget_ms, self._pace))
        ids = [caption.caption_id for _, caption in hits]
        cosines = [cosine for cosine, _ in hits]
        items = self._items(Modality.CAPTION, ids[: len(logits)], cosines, catalogue)
        scores = fused_captions(encoder.fusion, encoder.bank, logits, *items)
        return self._checked(ids, scores)

    def _logits(self, n: int, score: Callable[[slice], Scores], budget: Budget) -> Scores:
        """The logits `(m,)` of the first m of n hits: those there was time for."""
        if budget.limited and budget.left_s > 0 and not self._pace.known:
            self._practise(n, score)
        runs = [np.empty(0, np.float32)]
        done = 0
        while done < n and (size := budget.next_size(n - done)):
            with budget.run(size):
                runs.append(score(slice(done, done + size)))
            done += size
        return np.concatenate(runs)

    def _practise(self, n: int, score: Callable[[slice], Scores]) -> None:
        """Learn how long runs take, as a part of loading: the first run of a size is slower."""
        for size in (size for size in _PRACTICE if size <= n):
            score(slice(0, size))
            with Budget(None, self._pace).run(size):
                score(slice(0, size))

    def _items(
        self, modality: Modality, ids: Sequence[int], cosines: Sequence[float], catalogue: Catalogue
    ) -> tuple[Scores, Embeddings]:
        """Cosines `(m,)` and embeddings `(m, d)` of items; zeros for one that has left."""
        space = self.regions.space
        near = np.array(cosines[: len(ids)], np.float32)
        try:
            return near, catalogue.embeddings_of(space, modality, np.array(ids, np.int64))
        except CatalogueError:  # another process has removed one just now
            found = (catalogue.embedding_of(space, modality, item) for item in ids)
            gone = np.zeros(space.dim, np.float32)
            return near, np.stack([gone if one is None else one for one in found])

    def _checked(self, ids: Sequence[int], scores: Scores) -> RerankScores:
        """The scores `(m,)` of the first m items, all of which are numbers."""
        if not np.isfinite(scores).all():
            raise ModelError(
                f"the reranker in {self.source.directory} gives scores that are not finite: its "
                "weights are damaged, or half precision overflows (try --precision fp32)"
            )
        return dict(zip(ids, scores.tolist(), strict=False))


def reordered(
    hits: Sequence[tuple[float, Row]], ids: Sequence[int], scores: RerankScores
) -> list[Ranked[Row]]:
    """All hits, from rank 1 on: those with a rerank score by it, ties by dual rank.

    A hit that has none keeps its place: the others move among theirs.
    """
    scored = [at for at, item in enumerate(ids) if item in scores]
    best_first = sorted(scored, key=lambda at: (-scores[ids[at]], at))
    order = list(range(len(hits)))
    for place, at in zip(scored, best_first, strict=True):
        order[place] = at
    ranked = []
    for rank, at in enumerate(order, start=1):
        (score, row), rerank_score = hits[at], scores.get(ids[at])
        dual_rank = None if rerank_score is None else at + 1
        ranked.append(Ranked(rank, score, row, rerank_score, dual_rank))
    return ranked
