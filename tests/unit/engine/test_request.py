"""A question and its options: what is asked, what is refused before anything is opened."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest

from mmsearch.engine.query_language import WeightedTerm
from mmsearch.engine.request import PreparedPicture, QueryOptions, QueryRequest
from mmsearch.errors import QueryError
from mmsearch.types import NO_FILTERS, Filters, Orientation


def test_a_text_alone_takes_the_defaults() -> None:
    assert QueryRequest.of("a dog", {}) == QueryRequest(text="a dog")
    assert QueryRequest.of("a dog", {}).filters == NO_FILTERS


def test_every_option_has_its_place() -> None:
    options: QueryOptions = {
        "image": "in/x.jpg",
        "picture_weight": 2.0,
        "plus": ["sunset:0.5"],
        "minus": [WeightedTerm("people", 2.0)],
        "k": 3,
        "offset": 6,
        "min_score": 0.1,
        "rerank": 20,
        "budget_ms": 60.0,
        "under": "photos",
        "taken_from": date(2024, 1, 1),
        "taken_to": datetime(2024, 12, 31, 23, 59),
        "formats": ["jpg", "PNG"],
        "orientation": "portrait",
    }
    assert QueryRequest.of("a dog", options) == QueryRequest(
        text="a dog",
        image=Path("in/x.jpg"),
        picture_weight=2.0,
        plus=(WeightedTerm("sunset", 0.5),),
        minus=(WeightedTerm("people", 2.0),),
        k=3,
        offset=6,
        min_score=0.1,
        rerank=20,
        budget_ms=60.0,
        filters=Filters(
            under=Path("photos"),
            taken_from=date(2024, 1, 1),
            taken_to=date(2024, 12, 31),
            formats=("jpg", "PNG"),
            orientation=Orientation.PORTRAIT,
        ),
    )


def test_every_option_is_a_part_of_the_request() -> None:
    """The list of options and what becomes of them cannot drift apart."""
    parts = set(QueryRequest.__dataclass_fields__) | set(Filters.__dataclass_fields__)
    assert parts - {"text", "filters"} == set(QueryOptions.__optional_keys__)


def test_options_that_are_none_restrict_nothing() -> None:
    nothing: QueryOptions = {
        "image": None,
        "like": None,
        "min_score": None,
        "rerank": None,
        "budget_ms": None,
        "under": None,
        "taken_from": None,
        "taken_to": None,
        "orientation": None,
    }
    assert QueryRequest.of("a dog", nothing) == QueryRequest(text="a dog")


def test_a_lone_text_where_several_may_stand_is_one_of_them() -> None:
    request = QueryRequest.of(None, {"plus": "sunset", "minus": "people:2", "formats": "jpg"})
    assert request.texts == ("sunset", "people")
    assert request.text_weights == (1.0, -2.0)
    assert request.filters.formats == ("jpg",)


def test_an_option_that_does_not_exist_is_a_type_error() -> None:
    """As for any function of Python: the program is wrong, not the question."""
    with pytest.raises(TypeError, match="'top'"):
        QueryRequest.of("a dog", {"top": 3})  # type: ignore[typeddict-unknown-key]


def test_terms_get_signed_weights_in_order() -> None:
    request = QueryRequest.of(
        "a beach: noon", {"plus": ["sunset:0.5", WeightedTerm("sea")], "minus": ["people:2"]}
    )
    assert request.texts == ("a beach: noon", "sunset", "sea", "people")
    assert request.text_weights == (1.0, 0.5, 1.0, -2.0)


def test_the_main_text_is_taken_as_it_is() -> None:
    """A colon and a number in the main text are text."""
    assert QueryRequest.of("sunset:0.5", {}).texts == ("sunset:0.5",)


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_an_empty_text_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match="empty"):
        QueryRequest.of(text, {})


def test_nothing_asked_is_refused() -> None:
    with pytest.raises(QueryError, match="empty"):
        QueryRequest.of(None, {"k": 3})


def test_only_subtracting_is_refused() -> None:
    with pytest.raises(QueryError, match="only subtracts"):
        QueryRequest.of(None, {"minus": ["people"]})


def test_a_picture_or_a_plus_term_alone_can_be_asked() -> None:
    picture = PreparedPicture("ab" * 32, np.ones(4, np.float32), "cd")
    options: list[QueryOptions] = [
        {"image": picture},
        {"image": Path("x.jpg")},
        {"like": 7},
        {"plus": ["a dog"]},
    ]
    for option in options:
        assert QueryRequest.of(None, option).texts == tuple(option.get("plus", ()))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"k": 0}, "at least 1"),
        ({"k": -3}, "at least 1"),
        ({"offset": -1}, "offset"),
        ({"min_score": float("nan")}, "min_score"),
        ({"rerank": -1}, "rerank"),
        ({"rerank": 1001}, "give 0 to 1000"),
        ({"budget_ms": -0.5}, "budget_ms"),
        ({"budget_ms": float("nan")}, "budget_ms"),
        ({"picture_weight": 0.0}, "picture_weight"),
        ({"picture_weight": float("inf")}, "picture_weight"),
        ({"image": Path("x.jpg"), "like": 3}, "give one"),
        ({"orientation": "round"}, "landscape, portrait, square"),
        ({"taken_from": date(2024, 2, 1), "taken_to": date(2024, 1, 31)}, "no day is in between"),
        ({"plus": [WeightedTerm("sunset", 0.0)]}, "weight"),
        ({"plus": [WeightedTerm("sunset", float("nan"))]}, "weight"),
        ({"minus": [" "]}, "empty"),
        ({"plus": ["caf\udce9"]}, "UTF-8"),
        ({"formats": ["\udcff"]}, "UTF-8"),
        ({"under": "/photos\0"}, "zero byte"),
    ],
)
def test_what_makes_no_sense_is_refused(options: QueryOptions, reason: str) -> None:
    with pytest.raises(QueryError, match=reason):
        QueryRequest.of("a dog", options)
