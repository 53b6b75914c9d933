"""Answers questions: one query embedding, its nearest neighbours, their rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from mmsearch.engine.query_language import Query, compose
from mmsearch.engine.scopes import real_path
from mmsearch.errors import CatalogueError, MediaError, QueryError
from mmsearch.types import CaptionHit, CaptionRecord, Embeddings, Hit, Ids, MediaRecord, Modality

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue
    from mmsearch.protocols import DualEncoder, VectorIndex
    from mmsearch.types import Space

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class SearcherParts:
    """What a searcher works with.

    `load_encoder` and `load_vectors` are called when they are needed, at the same time in two
    threads; both may remember what they gave. `decode` gives a picture file's pixels
    `(h, w, 3)` uint8 at the space's input size, or raises `MediaError`.
    """

    catalogue: Catalogue
    space: Space
    load_encoder: Callable[[], DualEncoder]
    load_vectors: Callable[[Modality], VectorIndex]
    decode: Callable[[Path], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How many hits, how good, from where; `min_score` is a cosine."""

    k: int = 10
    min_score: float | None = None
    under: Path | None = None

    def checked(self) -> SearchOptions:
        """These options, if they make sense.

        Raises:
            QueryError: `k` is below 1 or `min_score` is no number.
        """
        if self.k < 1:
            raise QueryError(f"k is {self.k}: ask for at least 1 result")
        if self.min_score is not None and math.isnan(self.min_score):
            raise QueryError("min_score is not a number: give a cosine between -1 and 1")
        return self


class Searcher:
    """Searches one space of one catalogue."""

    def __init__(self, parts: SearcherParts, options: SearchOptions) -> None:
        self._parts = parts
        self._catalogue = parts.catalogue
        self._options = options.checked()

    def images(self, query: Query) -> list[Hit]:
        """The pictures nearest to a query; files of equal bytes are one hit.

        A picture in the query is never among them, nor is a copy of it.

        Raises:
            QueryError: The query cannot be asked, or nothing is indexed at `under`.
            CatalogueError: The space holds no pictures.
        """
        own, image = self._own_contents(query)
        under = _real(self._options.under)

        def rows(ids: Ids) -> dict[int, MediaRecord]:
            found = self._catalogue.media_for_contents(ids, under)
            return {content_id: row for content_id, row in found.items() if content_id not in own}

        allowed = None if under is None else self._catalogue.allowed_contents(under)
        ask = _Ask(Modality.IMAGE, self._options, allowed, len(own))
        pairs = self._nearest(query, image, ask, rows)
        return [Hit(rank, score, media) for rank, (score, media) in enumerate(pairs, start=1)]

    def captions(self, query: Query) -> list[CaptionHit]:
        """The captions nearest to a query.

        Raises:
            QueryError: The query cannot be asked, or nothing is indexed at `under`.
            CatalogueError: The space holds no captions.
        """
        _, image = self._own_contents(query)
        under = _real(self._options.under)
        allowed = None if under is None else self._catalogue.allowed_captions(under)
        ask = _Ask(Modality.CAPTION, self._options, allowed)
        pairs: list[tuple[float, CaptionRecord]] = self._nearest(
            query, image, ask, self._catalogue.captions_for
        )
        return [CaptionHit(rank, score, row) for rank, (score, row) in enumerate(pairs, start=1)]

    def _nearest(
        self,
        query: Query,
        image: Embeddings | None,
        ask: _Ask,
        rows: Callable[[Ids], Mapping[int, Row]],
    ) -> list[tuple[float, Row]]:
        """Scores and rows of the best `k` ids that have a row, best first."""
        if ask.allowed is not None and not len(ask.allowed):
            raise QueryError(f"nothing is indexed under {ask.options.under}: check --under")
        with ThreadPoolExecutor(1, thread_name_prefix="vectors") as thread:
            # Importing FAISS and reading its file overlaps with loading the encoder.
            loading = thread.submit(self._parts.load_vectors, ask.modality)
            embedding = self._embed(query, image)
            vectors = loading.result()
        if not len(vectors):
            raise CatalogueError(_nothing_of(ask.modality))
        n_candidates = len(vectors) if ask.allowed is None else len(ask.allowed)
        n_asked = ask.options.k + ask.n_excluded
        while True:
            n_asked = min(n_asked, n_candidates)
            found = vectors.search(embedding, n_asked, ask.allowed)
            ids, scores = _good(found.ids[0], found.scores[0], ask.options.min_score)
            row_of = rows(ids)
            pairs = [
                (score, row_of[item])
                for item, score in zip(ids.tolist(), scores.tolist(), strict=True)
                if item in row_of
            ]
            # An id without a row belongs to a file that left since the vectors were saved.
            if len(pairs) >= ask.options.k or len(ids) < n_asked or n_asked == n_candidates:
                return pairs[: ask.options.k]
            n_asked *= 4

    def _embed(self, query: Query, image: Embeddings | None) -> Embeddings:
        """The query as one embedding `(1, d)`; `image` `(1, d)` where it is known already."""
        parts: list[Embeddings] = []
        if query.texts:
            parts.append(self._parts.load_encoder().encode_texts(query.texts))
        weights = list(query.weights)
        if query.image is not None:
            parts.append(self._embed_image(query.image) if image is None else image)
            weights.append(1.0)
        return compose(np.concatenate(parts), weights)

    def _embed_image(self, path: Path) -> Embeddings:
        try:
            pixels = self._parts.decode(path)
        except MediaError as exc:
            raise QueryError(f"the query picture {path} cannot be used: {exc}") from exc
        return self._parts.load_encoder().encode_images(pixels[np.newaxis])

    def _own_contents(self, query: Query) -> tuple[frozenset[int], Embeddings | None]:
        """Contents that the query picture is, by its bytes or its path; its embedding if known."""
        if query.image is None:
            return frozenset(), None
        from mmsearch.media.digest import digest_file

        if not query.image.is_file():
            raise QueryError(f"there is no query picture at {query.image}: check the path")
        try:
            content_id = self._catalogue.find_content(digest_file(query.image))
        except MediaError as exc:
            raise QueryError(f"the query picture {query.image} cannot be used: {exc}") from exc
        at_path = self._catalogue.media_at(real_path(query.image))
        own = set() if at_path is None else {at_path.content_id}
        if content_id is None:
            return frozenset(own), None
        space = self._parts.space
        embedding = self._catalogue.embedding_of(space, Modality.IMAGE, content_id)
        image = None if embedding is None else embedding[np.newaxis]
        return frozenset({content_id, *own}), image


@dataclass(frozen=True, slots=True)
class _Ask:
    """What to look for: `allowed` `(a,)` ids or all; `n_excluded` ids will be passed over."""

    modality: Modality
    options: SearchOptions
    allowed: Ids | None = None
    n_excluded: int = 0


def _good(
    ids: Ids, scores: np.ndarray[tuple[int, ...], np.dtype[np.float32]], min_score: float | None
) -> tuple[Ids, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """Without empty slots and without what scores too low."""
    good = ids >= 0
    if min_score is not None:
        good &= scores >= min_score
    return ids[good], scores[good]


def _real(path: Path | None) -> Path | None:
    return None if path is None else real_path(path)


def _nothing_of(modality: Modality) -> str:
    if modality is Modality.IMAGE:
        return "the index is empty: add pictures with 'mmsearch index PATH'"
    return "the index has no captions: add some with 'mmsearch index PATH --captions FILE'"
