"""The metrics as their definition reads: one full matrix, one sorted list a query.

Slow and memory-hungry on purpose; tests compare `metrics.py` with it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from mmsearch.evaluation.report import Recalls, RetrievalMetrics
from mmsearch.types import Embeddings


def reference_metrics(
    images: Embeddings, texts: Embeddings, image_of_text: NDArray[np.int64]
) -> RetrievalMetrics:
    """The same as `retrieval_metrics`, by sorting every row and column of the score matrix."""
    scores = (texts.astype(np.float64) @ images.astype(np.float64).T).astype(np.float32)
    text_ranks = [best_rank(scores[text], [image_of_text[text]]) for text in range(len(texts))]
    image_ranks = [
        best_rank(scores[:, image], np.flatnonzero(image_of_text == image))
        for image in range(len(images))
        if (image_of_text == image).any()
    ]
    return RetrievalMetrics(_summary(text_ranks, len(images)), _summary(image_ranks, len(texts)))


def best_rank(scores: NDArray[np.float32], correct: Iterable[int]) -> int:
    """The rank, from 1, of the first correct item when sorted by (-score, id)."""
    wanted = set(correct)
    order = sorted(range(len(scores)), key=lambda item: (-scores[item], item))
    return next(rank for rank, item in enumerate(order, start=1) if item in wanted)


def _summary(ranks: list[int], gallery_size: int) -> Recalls:
    ks = range(1, min(100, gallery_size) + 1)
    curve = tuple(100.0 * sum(rank <= k for rank in ranks) / len(ranks) for k in ks)
    return Recalls(
        curve, float(np.median(ranks)), float(100.0 * np.mean([1.0 / rank for rank in ranks]))
    )
