"""Answers questions: one query embedding, its nearest neighbours, their rows, the best reranked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from mmsearch.engine.query_pictures import QueryPicture, find_picture, known_embedding
from mmsearch.engine.records import Answer, CaptionAnswer
from mmsearch.engine.relevance import stands_out
from mmsearch.engine.request import PreparedPicture, QueryRequest
from mmsearch.engine.rerank_stage import RerankStage
from mmsearch.engine.retrieval import Ask, Found, Retriever
from mmsearch.engine.scopes import real_path
from mmsearch.errors import MediaError, QueryError
from mmsearch.types import (
    CaptionHit,
    CaptionRecord,
    Embeddings,
    Filters,
    Hit,
    MediaRecord,
    Modality,
)

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue
    from mmsearch.engine.region_reading import Codes
    from mmsearch.engine.reranking import Reranker
    from mmsearch.protocols import DualEncoder
    from mmsearch.types import Space

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class SearcherParts:
    """What a searcher works with.

    `load_encoder` and `everyday` remember what they gave; the latter gives the embeddings
    `(p, d)` of everyday phrases. `pixels` gives those `(h, w, 3)` uint8 of a picture file, or of
    its bytes, at the space's input size, or raises `MediaError`. `reranker` gives that of the
    space, not loaded yet, or None where it has none.
    """

    catalogue: Catalogue
    space: Space
    load_encoder: Callable[[], DualEncoder]
    everyday: Callable[[], Embeddings]
    pixels: Callable[[Path | bytes], NDArray[np.uint8]]
    pictures: Retriever[MediaRecord]
    captions: Retriever[CaptionRecord]
    reranker: Callable[[], Reranker | None]


@dataclass(frozen=True, slots=True, eq=False)
class _Embedded:
    """A question's picture: its embedding `(1, d)`, and its region features where needed."""

    embedding: Embeddings
    codes: Codes | None = None


class Searcher:
    """Searches one space of one catalogue, for one thread."""

    def __init__(self, parts: SearcherParts) -> None:
        self._parts = parts
        self._catalogue = parts.catalogue

    def images(self, request: QueryRequest) -> Answer:
        """The pictures nearest to a question; files of equal bytes are one hit.

        A picture in the question is never among them, nor is a copy of it.

        Raises:
            QueryError: The question cannot be asked, or nothing is indexed at `under`.
            CatalogueError: The space holds no pictures.
            ModelError: The reranker cannot be used.
        """
        picture = find_picture(request, self._catalogue, self._parts.space)
        stage = RerankStage.of(request, Modality.IMAGE, self._parts.reranker)
        self._prepare(stage, self._parts.pictures)
        embedded = self._embed_picture(picture, None) if request.has_picture else None
        found = self._parts.pictures.find(_ask(stage, embedded, picture.own))
        scores = stage.pictures(found, self._catalogue)
        ids = [media.content_id for _, media in found.page.hits]
        hits = (
            Hit(one.rank, one.score, one.row, one.rerank_score, one.dual_rank)
            for one in stage.page(found.page.hits, ids, scores)
        )
        matches = self._matches(request, found, Modality.IMAGE)
        return Answer(
            tuple(hits),
            found.n_candidates,
            matches,
            found.generation,
            len(scores),
            found.page.exact,
        )

    def captions(self, request: QueryRequest) -> CaptionAnswer:
        """The captions nearest to a question.

        Raises:
            QueryError: The question cannot be asked, or nothing is indexed at `under`.
            CatalogueError: The space holds no captions.
            ModelError: The reranker cannot be used.
        """
        picture = find_picture(request, self._catalogue, self._parts.space)
        stage = RerankStage.of(request, Modality.CAPTION, self._parts.reranker)
        self._prepare(stage, self._parts.captions)
        embedded = self._embed_picture(picture, stage.reranker) if request.has_picture else None
        found = self._parts.captions.find(_ask(stage, embedded, frozenset()))
        codes = None if embedded is None else embedded.codes
        scores = stage.captions(found, codes, self._catalogue)
        ids = [caption.caption_id for _, caption in found.page.hits]
        hits = (
            CaptionHit(one.rank, one.score, one.row, one.rerank_score, one.dual_rank)
            for one in stage.page(found.page.hits, ids, scores)
        )
        matches = self._matches(request, found, Modality.CAPTION)
        return CaptionAnswer(
            tuple(hits),
            found.n_candidates,
            matches,
            found.generation,
            len(scores),
            found.page.exact,
        )

    def prepare(self, data: bytes) -> PreparedPicture:
        """A picture's bytes as something to ask with; known bytes are not decoded again.

        Raises:
            MediaError: It is no picture, damaged or over a limit.
        """
        from mmsearch.media.digest import digest_bytes

        digest = digest_bytes(data)
        space = self._parts.space
        embedding = known_embedding(digest, self._catalogue, space)
        if embedding is not None:
            return PreparedPicture(digest, embedding[0], space.digest)
        pixels = self._parts.pixels(data)
        reranker = self._parts.reranker()
        if reranker is None:
            embedding = self._parts.load_encoder().encode_images(pixels[np.newaxis])
            return PreparedPicture(digest, embedding[0], space.digest)
        embedding, codes = reranker.regions.encode(pixels)
        return PreparedPicture(
            digest, embedding[0], space.digest, codes, reranker.regions.projection.digest
        )

    def _prepare(self, stage: RerankStage, retriever: Retriever[Row]) -> None:
        """Check the filters, and load what a search needs while the question is encoded."""
        retriever.check(_real(stage.request.filters), self._catalogue)
        retriever.prepare()  # importing FAISS and reading its file overlaps with the encoder
        stage.prepare()

    def _embed_picture(self, picture: QueryPicture, reranker: Reranker | None) -> _Embedded:
        """The question's picture, with region features where `reranker` is to read them."""
        if picture.embedding is not None:
            codes = (
                None if reranker is None else reranker.regions.of_known(picture, self._catalogue)
            )
            return _Embedded(picture.embedding, codes)
        try:
            pixels = self._parts.pixels(picture.path)
        except MediaError as exc:
            raise QueryError(f"the query picture {picture.path} cannot be used: {exc}") from exc
        if reranker is None:
            return _Embedded(self._parts.load_encoder().encode_images(pixels[np.newaxis]))
        return _Embedded(*reranker.regions.encode(pixels))

    def _matches(self, request: QueryRequest, found: Found[Row], modality: Modality) -> bool | None:
        """Whether one of the best looks like the question; None where that cannot be told.

        A picture in the question resembles any picture more than words do: no phrase competes.
        """
        if request.has_picture:
            return None
        best = self._catalogue.embeddings_left(self._parts.space, modality, found.page.best)
        if not len(best):
            return None
        return stands_out(found.query, best, self._parts.everyday(), found.n_candidates)


def _ask(stage: RerankStage, embedded: _Embedded | None, own: frozenset[int]) -> Ask:
    """What is to be found for a stage; its filters' path is resolved."""
    picture = None if embedded is None else embedded.embedding
    return Ask(stage.reaching, _real(stage.request.filters), picture, own)


def _real(filters: Filters) -> Filters:
    return filters if filters.under is None else replace(filters, under=real_path(filters.under))
