"""The query language: terms, weights, and the one embedding they make."""

from __future__ import annotations

import numpy as np
import pytest

from mmsearch.engine.query_language import WeightedTerm, compose
from mmsearch.errors import QueryError


@pytest.mark.parametrize(
    ("term", "text", "weight"),
    [
        ("sunset", "sunset", 1.0),
        ("sunset:0.5", "sunset", 0.5),
        ("sunset:2", "sunset", 2.0),
        ("sunset:.25", "sunset", 0.25),
        ("a dog: the movie", "a dog: the movie", 1.0),
        ("train at 10:30", "train at 10:30", 1.0),
        ("16:9", "16:9", 1.0),
        ("16:9:0.5", "16:9", 0.5),
        ("room 12:0.5", "room 12", 0.5),
        ("http://x", "http://x", 1.0),
        ("note:", "note:", 1.0),
        ("1e3:nan", "1e3:nan", 1.0),
    ],
)
def test_a_number_after_the_last_colon_is_the_weight(term: str, text: str, weight: float) -> None:
    assert WeightedTerm.parse(term) == WeightedTerm(text, weight)


@pytest.mark.parametrize("term", ["", "  ", ":0.5", " :2", "sunset:0", "sunset:-1", "sunset:0.0"])
def test_a_term_without_words_or_weight_is_refused(term: str) -> None:
    with pytest.raises(QueryError):
        WeightedTerm.parse(term)


def test_compose_is_the_normalised_weighted_sum() -> None:
    parts = np.eye(3, dtype=np.float32)
    composed = compose(parts, [1.0, 0.5, -2.0])
    expected = np.array([[1.0, 0.5, -2.0]]) / np.sqrt(1 + 0.25 + 4)
    assert composed.dtype == np.float32
    np.testing.assert_allclose(composed, expected, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-320, 1e-60, 1e38, 1e60, 1e300])
def test_weights_beyond_single_precision_count_by_their_shares(scale: float) -> None:
    parts = np.eye(2, dtype=np.float32)
    composed = compose(parts, [scale, 2 * scale])
    np.testing.assert_allclose(composed, compose(parts, [1.0, 2.0]), rtol=1e-3)


def test_compose_changes_no_argument() -> None:
    parts = np.eye(2, dtype=np.float32)
    compose(parts, [2.0, 1.0])
    np.testing.assert_array_equal(parts, np.eye(2, dtype=np.float32))


def test_terms_that_cancel_out_are_refused() -> None:
    row = np.array([[0.6, 0.8]], np.float32)
    with pytest.raises(QueryError, match="cancel"):
        compose(np.concatenate([row, row]), [1.0, -1.0])
