"""The query language: terms, weights, and the one embedding they make."""

from __future__ import annotations

import numpy as np
import pytest

from mmsearch.engine.query_language import QueryParts, WeightedTerm, compose, parse_query
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


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_that_is_no_positive_number_is_refused(weight: float) -> None:
    with pytest.raises(QueryError, match="weight"):
        parse_query(QueryParts(plus=[WeightedTerm("sunset", weight)]))


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_an_empty_text_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match="empty"):
        parse_query(QueryParts(text))


def test_nothing_asked_is_refused() -> None:
    with pytest.raises(QueryError, match="empty"):
        parse_query(QueryParts())


def test_only_subtracting_is_refused() -> None:
    with pytest.raises(QueryError, match="only subtracts"):
        parse_query(QueryParts(minus=["people"]))


def test_terms_get_signed_weights_in_order() -> None:
    query = parse_query(
        QueryParts("a beach: noon", plus=["sunset:0.5", WeightedTerm("sea")], minus=["people:2"])
    )
    assert query.texts == ("a beach: noon", "sunset", "sea", "people")
    assert query.weights == (1.0, 0.5, 1.0, -2.0)


def test_the_main_text_is_taken_as_it_is() -> None:
    """A colon and a number in the main text are text."""
    assert parse_query(QueryParts("sunset:0.5")).texts == ("sunset:0.5",)


def test_compose_is_the_normalised_weighted_sum() -> None:
    parts = np.eye(3, dtype=np.float32)
    composed = compose(parts, [1.0, 0.5, -2.0])
    expected = np.array([[1.0, 0.5, -2.0]]) / np.sqrt(1 + 0.25 + 4)
    assert composed.dtype == np.float32
    np.testing.assert_allclose(composed, expected, rtol=1e-6)


def test_compose_changes_no_argument() -> None:
    parts = np.eye(2, dtype=np.float32)
    compose(parts, [2.0, 1.0])
    np.testing.assert_array_equal(parts, np.eye(2, dtype=np.float32))


def test_terms_that_cancel_out_are_refused() -> None:
    row = np.array([[0.6, 0.8]], np.float32)
    with pytest.raises(QueryError, match="cancel"):
        compose(np.concatenate([row, row]), [1.0, -1.0])
