"""Recall@K, median rank and MRR between pictures and captions, in bounded memory.

Similarities are computed a block of captions at a time, in double precision and rounded to
single: a matrix product's last bits depend on the shape of the block, and rounding hides them, so
that equal embeddings get equal scores and the tie rule (ascending id) means something.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mmsearch.evaluation.report import Recalls, RetrievalMetrics
from mmsearch.types import Embeddings

BLOCK_SCORES = 4_000_000
"""Scores held at once: 32 MB in double precision, and about as much again in temporaries."""

CURVE_LENGTH = 100


def retrieval_metrics(
    images: Embeddings, texts: Embeddings, image_of_text: NDArray[np.int64], chunk: int = 0
) -> RetrievalMetrics:
    """Metrics of text→image and image→text retrieval (Karpathy & Fei-Fei 2015, section 4.1).

    A caption asks for its one picture; a picture asks for any of its captions, however many it
    has, and the best-ranked one counts. Pictures without captions are in the gallery but ask
    nothing. Ties are broken by ascending id.

    Args:
        images: `(n, d)` float32, L2-normalised.
        texts: `(m, d)` float32, L2-normalised.
        image_of_text: `(m,)` int64, the row of `images` each caption belongs to.
        chunk: Captions compared at once; 0 chooses a number that bounds memory.

    Raises:
        ValueError: Empty or mismatched arrays, a row out of range, or a value not finite.
    """
    text_ranks, image_ranks = retrieval_ranks(images, texts, image_of_text, chunk)
    return RetrievalMetrics(
        summarise_ranks(text_ranks, len(images)), summarise_ranks(image_ranks, len(texts))
    )


def retrieval_ranks(
    images: Embeddings, texts: Embeddings, image_of_text: NDArray[np.int64], chunk: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rank, from 1, of each query's best correct item: `(m,)` of captions, then of pictures.

    Pictures without captions ask nothing: the others' ranks are in the order of their rows.
    Arguments and errors are those of `retrieval_metrics`.
    """
    check_arguments(images, texts, image_of_text)
    rows = chunk or max(1, BLOCK_SCORES // len(images))
    text_ranks, own_scores = _text_to_image_ranks(images, texts, image_of_text, rows)
    best = _best_captions(own_scores, image_of_text, len(images))
    image_ranks = _image_to_text_ranks(images, texts, image_of_text, (own_scores, best), rows)
    return text_ranks, image_ranks


def summarise_ranks(ranks: NDArray[np.int64], gallery_size: int) -> Recalls:
    """Recalls of queries whose best correct items have these `ranks` `(q,)`, counted from 1."""
    ks = np.arange(1, min(CURVE_LENGTH, gallery_size) + 1)
    found = np.searchsorted(np.sort(ranks), ks, side="right")
    curve = tuple(float(value) for value in 100.0 * found / len(ranks))
    return Recalls(curve, float(np.median(ranks)), float(100.0 * np.mean(1.0 / ranks)))


def check_arguments(
    images: Embeddings, texts: Embeddings, image_of_text: NDArray[np.int64]
) -> None:
    """Refuse what has no meaningful metrics; a NaN would otherwise rank first everywhere.

    Raises:
        ValueError: See `retrieval_metrics`.
    """
    if images.ndim != 2 or texts.ndim != 2 or images.shape[1] != texts.shape[1]:
        raise ValueError(f"embeddings of shapes {images.shape} and {texts.shape} do not compare")
    if len(images) == 0 or len(texts) == 0:
        raise ValueError("no pictures or no captions: there is nothing to measure")
    if image_of_text.shape != (len(texts),):
        raise ValueError(f"{len(texts)} captions, but {image_of_text.shape} pictures of captions")
    if image_of_text.min() < 0 or image_of_text.max() >= len(images):
        raise ValueError("a caption belongs to a picture that is not there")
    if not (np.isfinite(images).all() and np.isfinite(texts).all()):
        raise ValueError("an embedding holds a value that is not finite")


def _blocks(
    images: Embeddings, texts: Embeddings, rows: int
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Slices of the captions, with their `(rows, n)` scores against all pictures."""
    gallery = images.astype(np.float64).T
    for start in range(0, len(texts), rows):
        part = slice(start, min(start + rows, len(texts)))
        yield part, (texts[part].astype(np.float64) @ gallery).astype(np.float32)


def _text_to_image_ranks(
    images: Embeddings, texts: Embeddings, image_of_text: NDArray[np.int64], rows: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Rank `(m,)` of each caption's picture, and its score `(m,)`."""
    ranks = np.empty(len(texts), np.int64)
    own_scores = np.empty(len(texts), np.float32)
    ids = np.arange(len(images))
    for part, scores in _blocks(images, texts, rows):
        gold = image_of_text[part, None]
        own = np.take_along_axis(scores, gold, axis=1)
        ahead = (scores > own) | ((scores == own) & (ids < gold))
        ranks[part] = 1 + np.count_nonzero(ahead, axis=1)
        own_scores[part] = own[:, 0]
    return ranks, own_scores


def _best_captions(
    own_scores: NDArray[np.float32], image_of_text: NDArray[np.int64], n_images: int
) -> NDArray[np.int64]:
    """The caption `(n,)` each picture ranks first among its own; -1 = it has none."""
    best = np.full(n_images, -1, np.int64)
    order = np.lexsort((-np.arange(len(own_scores)), own_scores))
    best[image_of_text[order]] = order  # of a picture's captions, the last written one stays
    return best


def _image_to_text_ranks(
    images: Embeddings,
    texts: Embeddings,
    image_of_text: NDArray[np.int64],
    own: tuple[NDArray[np.float32], NDArray[np.int64]],
    rows: int,
) -> NDArray[np.int64]:
    """Rank of each picture's best caption, for the pictures that have one, by ascending id."""
    own_scores, best = own
    asks = np.flatnonzero(best >= 0)
    best_score = own_scores[best[asks]]
    column = np.full(len(images), -1, np.int64)
    column[asks] = np.arange(len(asks))
    ahead = np.zeros(len(asks), np.int64)
    for part, all_scores in _blocks(images, texts, rows):
        scores = all_scores[:, asks]
        earlier = np.arange(part.start, part.stop)[:, None] < best[asks]
        before = (scores > best_score) | ((scores == best_score) & earlier)
        # Its own captions are behind the best one by definition, whatever rounding says.
        before[np.arange(len(scores)), column[image_of_text[part]]] = False
        ahead += np.count_nonzero(before, axis=0)
    return 1 + ahead
