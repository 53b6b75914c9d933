"""Answers questions: one query embedding, its nearest neighbours, their rows."""

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
    from mmsearch.protocols import DualEncoder
    from mmsearch.types import Space

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class SearcherParts:
    """What a searcher works with.

    `load_encoder` and `everyday` remember what they gave; the latter gives the embeddings
    `(p, d)` of everyday phrases. `pixels` gives those `(h, w, 3)` uint8 of a picture file, or of
    its bytes, at the space's input size, or raises `MediaError`.
    """

    catalogue: Catalogue
    space: Space
    load_encoder: Callable[[], DualEncoder]
    everyday: Callable[[], Embeddings]
    pixels: Callable[[Path | bytes], NDArray[np.uint8]]
    pictures: Retriever[MediaRecord]
    captions: Retriever[CaptionRecord]


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
        """
        picture = find_picture(request, self._catalogue, self._parts.space)
        found = self._find(request, picture, self._parts.pictures, picture.own)
        hits = (
            Hit(rank, score, media)
            for rank, (score, media) in enumerate(found.page.hits, start=request.offset + 1)
        )
        matches = self._matches(request, found, Modality.IMAGE)
        return Answer(tuple(hits), found.n_candidates, matches, found.generation)

    def captions(self, request: QueryRequest) -> CaptionAnswer:
        """The captions nearest to a question.

        Raises:
            QueryError: The question cannot be asked, or nothing is indexed at `under`.
            CatalogueError: The space holds no captions.
        """
        picture = find_picture(request, self._catalogue, self._parts.space)
        found = self._find(request, picture, self._parts.captions, frozenset())
        hits = (
            CaptionHit(rank, score, caption)
            for rank, (score, caption) in enumerate(found.page.hits, start=request.offset + 1)
        )
        matches = self._matches(request, found, Modality.CAPTION)
        return CaptionAnswer(tuple(hits), found.n_candidates, matches, found.generation)

    def prepare(self, data: bytes) -> PreparedPicture:
        """A picture's bytes as something to ask with; known bytes are not decoded again.

        Raises:
            MediaError: It is no picture, damaged or over a limit.
        """
        from mmsearch.media.digest import digest_bytes

        digest = digest_bytes(data)
        space = self._parts.space
        embedding = known_embedding(digest, self._catalogue, space)
        if embedding is None:
            pixels = self._parts.pixels(data)
            embedding = self._parts.load_encoder().encode_images(pixels[np.newaxis])
        return PreparedPicture(digest, embedding[0], space.digest)

    def _find(
        self,
        request: QueryRequest,
        picture: QueryPicture,
        retriever: Retriever[Row],
        own: frozenset[int],
    ) -> Found[Row]:
        """What is nearest to a question."""
        filters = _real(request.filters)
        retriever.check(filters, self._catalogue)
        retriever.prepare()  # importing FAISS and reading its file overlaps with the encoder
        embedding = self._embed_picture(picture) if request.has_picture else None
        return retriever.find(Ask(request, filters, embedding, own))

    def _embed_picture(self, picture: QueryPicture) -> Embeddings:
        if picture.embedding is not None:
            return picture.embedding
        try:
            pixels = self._parts.pixels(picture.path)
        except MediaError as exc:
            raise QueryError(f"the query picture {picture.path} cannot be used: {exc}") from exc
        return self._parts.load_encoder().encode_images(pixels[np.newaxis])

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


def _real(filters: Filters) -> Filters:
    return filters if filters.under is None else replace(filters, under=real_path(filters.under))
