"""Metrics on cases small enough to check by hand, their limits and their memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from mmsearch.evaluation.metrics import retrieval_metrics

AXES = np.eye(4, dtype=np.float32)


def test_by_hand() -> None:
    """Three captions for picture 0, one for picture 2, none for 1 and 3."""
    texts = np.stack([AXES[0], AXES[1], (AXES[2] + 0.1 * AXES[3]), AXES[2]])
    metrics = retrieval_metrics(AXES, texts, np.array([0, 0, 0, 2]))
    # Caption 0 finds its picture first; 1 scores 0 with pictures 0, 2, 3, of which 0 comes first,
    # behind picture 1; 2 is behind pictures 2 and 3; 3 finds its own.
    ranks = [1, 2, 3, 1]
    assert metrics.text_to_image.r_at(1) == 50.0
    assert metrics.text_to_image.r_at(5) == 100.0
    assert metrics.text_to_image.med_r == 1.5
    assert metrics.text_to_image.mrr == pytest.approx(100 * np.mean(1 / np.array(ranks)))
    # Picture 0's best caption is its first; picture 2 ties captions 2 and 3: the lower id leads.
    assert metrics.image_to_text.curve == (50.0, 100.0, 100.0, 100.0)
    assert metrics.rsum == 50 + 100 + 100 + 50 + 100 + 100


def test_all_equal_embeddings_are_no_success() -> None:
    """A collapsed model scores by id, not 100 %."""
    same = np.ones((10, 1), np.float32)
    metrics = retrieval_metrics(same, same, np.arange(10))
    assert metrics.text_to_image.curve == tuple(10.0 * k for k in range(1, 11))
    assert metrics.image_to_text.med_r == 5.5


@pytest.mark.parametrize(
    ("images", "texts", "owner", "message"),
    [
        (AXES[:0], AXES, [0, 0, 0, 0], "nothing to measure"),
        (AXES, AXES, [0, 1, 2], "4 captions"),
        (AXES, AXES, [0, 1, 2, 4], "not there"),
        (AXES, AXES, [0, 1, 2, -1], "not there"),
        (AXES, AXES[:, :2], [0, 1, 2, 3], "do not compare"),
        (AXES * np.nan, AXES, [0, 1, 2, 3], "not finite"),
    ],
)
def test_meaningless_input_is_refused(
    images: np.ndarray, texts: np.ndarray, owner: list[int], message: str
) -> None:
    """NaN above all: it compares false with everything and would rank first."""
    with pytest.raises(ValueError, match=message):
        retrieval_metrics(images, texts, np.array(owner))


def test_memory_is_bounded() -> None:
    """The peak stays far below the full matrix of COCO's size, here in the same proportion."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(5000, 8)).astype(np.float32)
    texts = rng.normal(size=(25_000, 8)).astype(np.float32)
    tracemalloc.start()
    try:
        retrieval_metrics(images, texts, np.arange(25_000) % 5000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 250e6  # the matrix alone is 500 MB in single precision
