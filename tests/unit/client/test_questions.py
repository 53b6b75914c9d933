"""What goes over the wire is the question, in JSON that any server can read."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from mmsearch.client.questions import question_json
from mmsearch.engine.query_language import WeightedTerm
from mmsearch.engine.request import QueryRequest
from mmsearch.server.questions import SearchBody, options_of


def test_a_question_survives_the_way() -> None:
    request = QueryRequest.of(
        "red",
        {
            "like": 5,
            "picture_weight": 0.5,
            "plus": ["a:2"],
            "minus": [WeightedTerm("b", 0.25)],
            "k": 7,
            "offset": 3,
            "min_score": -0.5,
            "rerank": 20,
            "budget_ms": 60.0,
            "under": Path("/photos"),
            "taken_from": date(2024, 1, 2),
            "formats": ["jpg"],
            "orientation": "portrait",
        },
    )
    body = {**question_json(request), "k": request.k, "offset": request.offset}
    received = SearchBody.model_validate(json.loads(json.dumps(body)))
    assert QueryRequest.of(received.text, options_of(received)) == request


@pytest.mark.parametrize("rerank", [None, 0, 50])
def test_how_to_rerank_survives_the_way(rerank: int | None) -> None:
    """Left open (None) it is for the server to choose, as it would be for the library."""
    request = QueryRequest.of("red", {"rerank": rerank})
    received = SearchBody.model_validate(json.loads(json.dumps(question_json(request))))
    assert options_of(received)["rerank"] == rerank


def test_infinity_is_written_as_a_number() -> None:
    request = QueryRequest.of("red", {"min_score": float("-inf")})
    assert json.dumps(question_json(request), allow_nan=False)
