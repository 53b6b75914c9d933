"""The chunked metrics equal the naive ones exactly, ties included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mmsearch.evaluation.metrics import retrieval_metrics
from mmsearch.evaluation.metrics_reference import reference_metrics

Problem = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Random embeddings, some of them equal, with any number of captions a picture."""
    n_images, n_texts = draw(st.integers(1, 25)), draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dim = draw(st.sampled_from([1, 2, 7, 32]))
    distinct = draw(st.integers(1, 30))  # few distinct rows make many ties
    pool = _unit(rng.normal(size=(distinct, dim)))
    images = pool[rng.integers(0, distinct, n_images)]
    texts = np.where(
        rng.random((n_texts, 1)) < draw(st.sampled_from([0.0, 0.5, 1.0])),
        pool[rng.integers(0, distinct, n_texts)],
        _unit(rng.normal(size=(n_texts, dim))),
    ).astype(np.float32)
    return images, texts, rng.integers(0, n_images, n_texts)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@settings(max_examples=120, deadline=None)
@given(problem=problems(), chunk=st.integers(0, 70))
def test_equals_the_reference(problem: Problem, chunk: int) -> None:
    """Any chunk size gives exactly what sorting the full matrix gives."""
    assert retrieval_metrics(*problem, chunk=chunk) == reference_metrics(*problem)


def test_agrees_with_clip_benchmark() -> None:
    """R@K equals clip-benchmark's, by its own code on the same embeddings, to 1e-6."""
    pytest.importorskip("clip_benchmark", reason="clip-benchmark, a development tool, is absent")
    import torch
    from clip_benchmark.metrics.zeroshot_retrieval import batchify, recall_at_k

    rng = np.random.default_rng(5)
    counts = rng.integers(1, 8, 60)
    owner = np.repeat(np.arange(60), counts)
    images = _unit(rng.normal(size=(60, 24)))
    texts = _unit(images[owner] + 0.35 * rng.normal(size=(len(owner), 24)))
    ours = retrieval_metrics(images, texts, owner)
    scores = torch.from_numpy(texts @ images.T)
    positive = torch.zeros_like(scores, dtype=torch.bool)
    positive[torch.arange(len(owner)), torch.from_numpy(owner)] = True
    for k in (1, 5, 10):
        forward = batchify(recall_at_k, scores, positive, 32, "cpu", k=k)
        back = batchify(recall_at_k, scores.T, positive.T, 32, "cpu", k=k)
        share = float((forward > 0).double().mean())
        assert ours.text_to_image.r_at(k) / 100 == pytest.approx(share, abs=1e-6)
        share = float((back > 0).double().mean())
        assert ours.image_to_text.r_at(k) / 100 == pytest.approx(share, abs=1e-6)
