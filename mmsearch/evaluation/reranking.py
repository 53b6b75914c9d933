"""Reranking a split: the deepest first hits are scored once, smaller depths follow from them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmsearch.errors import ModelError
from mmsearch.evaluation.first_hits import FirstHits, first_hits, reranked_ranks
from mmsearch.evaluation.metrics import retrieval_ranks, summarise_ranks
from mmsearch.evaluation.report import (
    Ceiling,
    RerankedDepth,
    RerankReport,
    RetrievalMetrics,
)
from mmsearch.protocols import CrossEncoder
from mmsearch.rerank.fusion import fused, hubness
from mmsearch.rerank_types import RegionCodes
from mmsearch.types import Embeddings, Scores

DEPTHS = (10, 20, 50, 100)
"""Depths that are told of, as far as they lie below the one asked for."""

_QUERIES_A_CALL = 200
_PAIRS_A_CALL = 20_000

Progress = Callable[[int, int], None]
"""Called with how many queries are done, and how many there are."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A split as the models see it.

    `images` `(n, d)` and `texts` `(m, d)` are embeddings, `regions` `(n, r, c)` int8 the
    pictures' features, `words` the m captions, `image_of_text` `(m,)` int64 the row of each.
    """

    images: Embeddings
    texts: Embeddings
    regions: RegionCodes
    words: Sequence[str]
    image_of_text: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """One direction of retrieval, scored: `(q,)` dual ranks, `(q, n)` right hits and scores."""

    dual_ranks: NDArray[np.int64]
    right: NDArray[np.bool_]
    fused: NDArray[np.float32]
    gallery_size: int

    @property
    def n_hits(self) -> int:
        """How many first hits were scored."""
        return int(self.right.shape[1])


def rerank_split(
    split: Encoded, encoder: CrossEncoder, depth: int, on_progress: Progress | None = None
) -> RerankReport:
    """What reranking gives for the depths up to `depth`, both ways.

    Raises:
        ModelError: The cross encoder gives scores that are not finite.
    """
    text_ranks, image_ranks = retrieval_ranks(split.images, split.texts, split.image_of_text)
    scoring = _Scoring(split, encoder, len(text_ranks) + len(image_ranks), on_progress)
    to_image = _text_to_image(scoring, text_ranks, depth)
    to_text = _image_to_text(scoring, image_ranks, depth)
    depths = [k for k in DEPTHS if k < depth] + [depth]
    return RerankReport(
        tuple(_at_depth(k, to_image, to_text) for k in depths),
        1000.0 * scoring.seconds / scoring.total,
    )


class _Scoring:
    """Scores first hits, some queries a call, and takes the time."""

    def __init__(
        self, split: Encoded, encoder: CrossEncoder, total: int, on_progress: Progress | None
    ) -> None:
        self.split = split
        self.fusion, self.bank = encoder.fusion, encoder.bank
        self.total = total
        self.seconds = 0.0
        self._encoder = encoder
        self._on_progress = on_progress
        self._done = 0

    def logits(
        self,
        queries: NDArray[np.int64],
        hits: FirstHits,
        pairs_of: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.int64]],
    ) -> NDArray[np.float32]:
        """Logits `(q, n)` of `queries` `(q,)` and their hits.

        `pairs_of` makes `(p, 2)` rows of caption and picture of `(p,)` rows of both.
        """
        n = hits.items.shape[1]
        at_once = max(1, min(_QUERIES_A_CALL, _PAIRS_A_CALL // n))
        logits = np.empty(hits.items.shape, np.float32)
        for start in range(0, len(queries), at_once):
            part = slice(start, start + at_once)
            pairs = pairs_of(np.repeat(queries[part], n), hits.items[part].ravel())
            logits[part] = self._score(pairs).reshape(-1, n)
            self._done += len(queries[part])
            if self._on_progress:
                self._on_progress(self._done, self.total)
        return logits

    def _score(self, pairs: NDArray[np.int64]) -> Scores:
        """Logits `(p,)` of pairs, given to the encoder with only what they name."""
        texts, text_rows = np.unique(pairs[:, 0], return_inverse=True)
        pictures, picture_rows = np.unique(pairs[:, 1], return_inverse=True)
        words = [self.split.words[row] for row in texts.tolist()]
        regions = self.split.regions[pictures]
        started = time.perf_counter()
        logits = self._encoder.score(words, regions, np.stack([text_rows, picture_rows], axis=1))
        self.seconds += time.perf_counter() - started
        if not np.isfinite(logits).all():
            raise ModelError(
                "the reranker gives scores that are not finite: its weights are damaged, or half "
                "precision overflows (try --precision fp32)"
            )
        return logits


def _text_to_image(scoring: _Scoring, ranks: NDArray[np.int64], depth: int) -> _Way:
    """Captions that ask for their picture."""
    split = scoring.split
    hits = first_hits(split.texts, split.images, depth)

    def pairs(texts: NDArray[np.int64], images: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.stack([texts, images], axis=1)

    logits = scoring.logits(np.arange(len(split.texts)), hits, pairs)
    right = hits.items == split.image_of_text[:, None]
    hubs = hubness(split.images, scoring.bank.texts, scoring.fusion.temperature)[hits.items]
    weights = scoring.fusion.images, scoring.fusion.image_hubness
    return _Way(ranks, right, fused(logits, hits.scores, hubs, *weights), len(split.images))


def _image_to_text(scoring: _Scoring, ranks: NDArray[np.int64], depth: int) -> _Way:
    """Pictures that have captions and ask for any of them."""
    split = scoring.split
    asking = np.unique(split.image_of_text)
    hits = first_hits(split.images[asking], split.texts, depth)

    def pairs(images: NDArray[np.int64], texts: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.stack([texts, images], axis=1)

    logits = scoring.logits(asking, hits, pairs)
    right = split.image_of_text[hits.items] == asking[:, None]
    hubs = hubness(split.texts, scoring.bank.images, scoring.fusion.temperature)[hits.items]
    weights = scoring.fusion.captions, scoring.fusion.caption_hubness
    return _Way(ranks, right, fused(logits, hits.scores, hubs, *weights), len(split.texts))


def _at_depth(k: int, to_image: _Way, to_text: _Way) -> RerankedDepth:
    """Metrics and ceiling where the first `k` hits are reranked."""
    ways = (to_image, to_text)
    recalls = [
        summarise_ranks(
            reranked_ranks(way.dual_ranks, way.right, way.fused, min(k, way.n_hits)),
            way.gallery_size,
        )
        for way in ways
    ]
    ceilings = [
        100.0 * int(np.count_nonzero(way.dual_ranks <= k)) / len(way.dual_ranks) for way in ways
    ]
    return RerankedDepth(k, RetrievalMetrics(*recalls), Ceiling(*ceilings))
