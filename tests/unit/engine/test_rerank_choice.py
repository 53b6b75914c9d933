"""Which questions are reranked: by rule, when asked for, and when that cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsearch.engine.request import DEFAULT_RERANKED, QueryOptions, QueryRequest
from mmsearch.engine.rerank_choice import may_rerank, rerank_depth
from mmsearch.errors import QueryError
from mmsearch.types import Modality
from tests.fakes import FakeRerankers, fake_space

HELPS = FakeRerankers().for_space(fake_space())
HURTS = FakeRerankers(measured_lift=-0.3).for_space(fake_space())
PICTURE: QueryOptions = {"image": Path("x.jpg")}
UNFIT: list[tuple[str | None, QueryOptions, Modality]] = [
    ("a dog", PICTURE, Modality.IMAGE),
    (None, PICTURE, Modality.IMAGE),
    (None, {"like": 3}, Modality.IMAGE),
    ("a dog", {"plus": ["red"]}, Modality.IMAGE),
    ("a dog", {"minus": ["red"]}, Modality.IMAGE),
    ("a dog", {}, Modality.CAPTION),
    ("a dog", PICTURE, Modality.CAPTION),
    (None, {**PICTURE, "plus": ["red"]}, Modality.CAPTION),
]
FIT: list[tuple[str | None, QueryOptions, Modality]] = [
    ("a dog", {}, Modality.IMAGE),
    (None, PICTURE, Modality.CAPTION),
    (None, {"like": 3}, Modality.CAPTION),
]


@pytest.mark.parametrize(("text", "options", "target"), FIT)
def test_words_to_pictures_and_a_picture_to_captions_are_reranked_by_rule(
    text: str | None, options: QueryOptions, target: Modality
) -> None:
    request = QueryRequest.of(text, options)
    assert may_rerank(request, target)
    assert rerank_depth(request, target, HELPS) == DEFAULT_RERANKED
    assert rerank_depth(request, target, HURTS) == 0
    assert rerank_depth(request, target, None) == 0


@pytest.mark.parametrize(("text", "options", "target"), UNFIT)
def test_other_questions_are_not_and_refuse_it(
    text: str | None, options: QueryOptions, target: Modality
) -> None:
    request = QueryRequest.of(text, options)
    assert not may_rerank(request, target)
    assert rerank_depth(request, target, HELPS) == 0
    forced = QueryRequest.of(text, {**options, "rerank": 5})
    with pytest.raises(QueryError, match="cannot be reranked") as refusal:
        rerank_depth(forced, target, HELPS)
    assert "\n" not in str(refusal.value)


def test_asking_for_it_overrules_the_measurement() -> None:
    forced = QueryRequest.of("a dog", {"rerank": 7})
    assert rerank_depth(forced, Modality.IMAGE, HURTS) == 7


def test_asking_for_it_without_a_reranker_names_the_way_out() -> None:
    with pytest.raises(QueryError, match="no reranker: name one"):
        rerank_depth(QueryRequest.of("a dog", {"rerank": 7}), Modality.IMAGE, None)


def test_zero_turns_it_off() -> None:
    off = QueryRequest.of("a dog", {"rerank": 0})
    assert not may_rerank(off, Modality.IMAGE)
    assert rerank_depth(off, Modality.IMAGE, HELPS) == 0
