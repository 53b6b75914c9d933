"""A question as a server takes it."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmsearch.engine.query_language import WeightedTerm
    from mmsearch.engine.request import QueryRequest
    from mmsearch.types import Filters

_GREATEST_SCORE = 1e9


def question_json(request: QueryRequest) -> dict[str, object]:
    """The body that asks `request`, without the picture and the page."""
    score = request.min_score
    if score is not None and math.isinf(score):  # JSON knows no infinity
        score = math.copysign(_GREATEST_SCORE, score)
    return {
        "text": request.text,
        "like": request.like,
        "picture_weight": request.picture_weight,
        "plus": _terms(request.plus),
        "minus": _terms(request.minus),
        "min_score": score,
        "rerank": "auto" if request.rerank is None else request.rerank,
        "budget_ms": request.budget_ms,
        "exact": request.exact,
        "filters": _filters(request.filters),
    }


def _terms(terms: Sequence[WeightedTerm]) -> list[dict[str, object]]:
    return [{"text": term.text, "weight": term.weight} for term in terms]


def _filters(filters: Filters) -> dict[str, object]:
    first, last = filters.taken_from, filters.taken_to
    return {
        "under": None if filters.under is None else os.fspath(filters.under),
        "taken_from": None if first is None else first.isoformat(),
        "taken_to": None if last is None else last.isoformat(),
        "formats": list(filters.formats),
        "orientation": None if filters.orientation is None else str(filters.orientation),
    }
