"""One score of two, with hubs held back."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mmsearch.rerank import fused_captions, fused_images, hubness
from mmsearch.rerank_types import NO_QUESTIONS, Fusion, QueryBank
from mmsearch.types import Embeddings


def unit_rows(n: int, seed: int) -> Embeddings:
    """Random embeddings `(n, 6)`."""
    rows = np.random.default_rng(seed).normal(size=(n, 6)).astype(np.float32)
    unit: Embeddings = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


@pytest.mark.parametrize("temperature", [0.02, 0.5])
def test_hubness_is_the_soft_maximum_of_its_formula(temperature: float) -> None:
    """`t log mean exp(cosine / t)`, each item and question by hand."""
    items, bank = unit_rows(5, 1), unit_rows(7, 2)
    for item, found in zip(items, hubness(items, bank, temperature), strict=True):
        terms = [math.exp(float(item @ question) / temperature) for question in bank]
        expected = temperature * math.log(sum(terms) / len(terms))
        assert found == pytest.approx(expected, abs=1e-5)


def test_nothing_is_a_hub_without_questions() -> None:
    """Then the score is the plain sum."""
    logits, cosines = np.array([1, 2], np.float32), np.array([0.5, 0.25], np.float32)
    found = fused_images(
        Fusion(4.0, 1.0, image_hubness=0.5), NO_QUESTIONS, logits, cosines, unit_rows(2, 3)
    )
    np.testing.assert_allclose(found, [3.0, 3.0])


def test_pictures_are_held_against_texts_and_captions_against_pictures() -> None:
    """Each direction has its own bank, weight and share."""
    items, bank = unit_rows(3, 4), QueryBank(unit_rows(4, 5), unit_rows(6, 6))
    logits, cosines = np.zeros(3, np.float32), np.zeros(3, np.float32)
    fusion = Fusion(2.0, 3.0, image_hubness=0.5, caption_hubness=0.25, temperature=0.1)
    np.testing.assert_allclose(
        fused_images(fusion, bank, logits, cosines, items),
        -2.0 * 0.5 * hubness(items, bank.texts, 0.1),
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        fused_captions(fusion, bank, logits, cosines, items),
        -3.0 * 0.25 * hubness(items, bank.images, 0.1),
        rtol=1e-5,
    )
