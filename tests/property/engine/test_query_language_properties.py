"""Composed queries against the plain definition, and terms that come back as written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmsearch.engine.query_language import WeightedTerm, compose
from mmsearch.engine.request import QueryRequest
from mmsearch.errors import QueryError

WEIGHTS = st.floats(0.01, 100, allow_nan=False).map(lambda value: round(value, 4))


@given(
    arrays(np.float64, st.tuples(st.integers(1, 6), st.just(8)), elements=st.floats(-1, 1)),
    st.lists(WEIGHTS, min_size=6, max_size=6),
)
def test_composing_is_the_normalised_weighted_sum(parts: np.ndarray, weights: list[float]) -> None:
    norms = np.linalg.norm(parts, axis=1, keepdims=True)
    if (norms < 1e-3).any():
        parts, norms = parts + 1.0, np.linalg.norm(parts + 1.0, axis=1, keepdims=True)
    rows = (parts / np.maximum(norms, 1e-6)).astype(np.float32)
    total = sum(weight * row.astype(np.float64) for weight, row in zip(weights, rows, strict=False))
    if np.linalg.norm(total) < 1e-2 * sum(weights[: len(rows)]):
        return  # nearly cancelled: rounding decides
    composed = compose(rows, weights[: len(rows)])
    assert composed.shape == (1, 8)
    np.testing.assert_allclose(composed[0], total / np.linalg.norm(total), atol=1e-3)


@given(st.text(min_size=1).filter(str.strip), WEIGHTS)
def test_a_text_with_a_decimal_weight_comes_back(text: str, weight: float) -> None:
    assert WeightedTerm.parse(f"{text}:{weight:.4f}") == WeightedTerm(text, weight)


@given(st.text())
def test_any_term_parses_or_is_refused_in_one_line(term: str) -> None:
    try:
        parsed = WeightedTerm.parse(term)
    except QueryError:
        return
    assert parsed.weight > 0
    assert term.startswith(parsed.text)


@given(st.text(), st.lists(st.text(), max_size=3), st.lists(st.text(), max_size=3))
def test_a_query_has_a_weight_for_each_text(text: str, plus: list[str], minus: list[str]) -> None:
    try:
        query = QueryRequest.of(text, {"plus": plus, "minus": minus})
    except QueryError:
        return
    assert len(query.texts) == len(query.text_weights) == 1 + len(plus) + len(minus)
    assert query.texts[0] == text
    assert all(weight < 0 for weight in query.text_weights[1 + len(plus) :])


def test_rows_that_cancel_are_refused() -> None:
    with pytest.raises(QueryError):
        compose(np.array([[1, 0], [-1, 0]], np.float32), [1.0, 1.0])
