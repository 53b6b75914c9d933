"""The reranking of one answer: how far to look, what to score, which page to show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from mmsearch.engine.rerank_choice import may_rerank, rerank_depth
from mmsearch.engine.reranking import (
    CaptionHits,
    Ranked,
    RerankAsk,
    Reranker,
    RerankScores,
    reordered,
)

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue
    from mmsearch.engine.region_reading import Codes
    from mmsearch.engine.request import QueryRequest
    from mmsearch.engine.retrieval import Found
    from mmsearch.types import CaptionRecord, MediaRecord, Modality

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class RerankStage:
    """A request whose first `depth` hits are put in `reranker`'s order; None = none are."""

    request: QueryRequest
    target: Modality
    depth: int = 0
    reranker: Reranker | None = None

    @classmethod
    def of(
        cls, request: QueryRequest, target: Modality, load: Callable[[], Reranker | None]
    ) -> RerankStage:
        """The stage that a request asks for; `load` is not called where it wants none.

        Raises:
            QueryError: Reranking is asked for and cannot be had for this question.
        """
        if not may_rerank(request, target):
            return cls(request, target)
        reranker = load()
        depth = rerank_depth(request, target, None if reranker is None else reranker.source)
        return cls(request, target, depth, reranker if depth else None)

    @property
    def reaching(self) -> QueryRequest:
        """The request for what has to be found: all that may come into the page."""
        request = self.request
        if request.offset >= self.depth:
            return request
        return replace(request, offset=0, k=max(self.depth, request.offset + request.k))

    def prepare(self) -> None:
        """Begin to load the cross encoder, while the caller does something else."""
        if self.reranker is not None and self.request.offset < self.depth:
            self.reranker.prepare(self.request.text)

    def pictures(self, found: Found[MediaRecord], catalogue: Catalogue) -> RerankScores:
        """The rerank scores of the pictures found, by content id."""
        if self.reranker is None:
            return {}
        ask = self._ask(found)
        if self.request.offset >= self.depth:
            return self.reranker.remembered(ask)
        return self.reranker.pictures(ask, found.page.hits[: self.depth], catalogue)

    def captions(
        self, found: Found[CaptionRecord], codes: Codes | None, catalogue: Catalogue
    ) -> RerankScores:
        """The rerank scores of the captions found, by id, for a picture with these features.

        None: it has none, as its file is gone or has changed; its captions stay as they are.
        """
        if self.reranker is None or codes is None:
            return {}
        ask = self._ask(found)
        if self.request.offset >= self.depth:
            return self.reranker.remembered(ask)
        hits = CaptionHits(found.page.hits[: self.depth], codes)
        return self.reranker.captions(ask, hits, catalogue)

    def page(
        self, hits: Sequence[tuple[float, Row]], ids: Sequence[int], scores: RerankScores
    ) -> list[Ranked[Row]]:
        """The page that was asked for, of what was found for `reaching`."""
        start = self.request.offset
        if start >= self.depth:
            return [
                Ranked(rank, score, row) for rank, (score, row) in enumerate(hits, start=start + 1)
            ]
        return reordered(hits, ids, scores)[start : start + self.request.k]

    def _ask(self, found: Found[Row]) -> RerankAsk:
        request = self.request
        return RerankAsk(
            target=self.target,
            text=request.text,
            query=found.query.tobytes(),
            filters=request.filters,
            min_score=request.min_score,
            depth=self.depth,
            budget_ms=request.budget_ms,
            generation=found.generation,
        )
