"""What is written beside the hits of a query, and when."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from mmsearch.cli import evaluate, query
from mmsearch.cli.answers import show_captions, show_images
from mmsearch.cli.query import QueryCommand
from mmsearch.cli.question import Question
from mmsearch.cli.session import Session
from mmsearch.config import load_settings
from mmsearch.engine.records import Answer, CaptionAnswer
from mmsearch.engine.request import DEFAULT_RERANKED, MOST_RERANKED
from mmsearch.types import CaptionHit, CaptionRecord, Hit, Orientation
from tests.unit.cli.records import media

HIT = Hit(1, 0.5, media(Path("/photos/a.jpg")))


def notes(
    capsys: pytest.CaptureFixture[str],
    asked: QueryCommand,
    answer: Answer,
    session: Session = Session(),  # noqa: B008 - frozen
) -> str:
    """What goes to stderr beside an answer."""
    show_images(session, asked, Question("x"), answer, load_settings())
    return capsys.readouterr().err


def test_hits_that_do_not_look_like_the_question_are_called_the_closest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    unlike = Answer((HIT,), 10, matches=False, generation=1)
    note = "nothing looks like that: these are the closest\n"
    assert notes(capsys, QueryCommand("x"), unlike) == note
    for matches in (True, None):
        alike = Answer((HIT,), 10, matches=matches, generation=1)
        assert notes(capsys, QueryCommand("x"), alike) == ""
    caption = CaptionHit(1, 0.5, CaptionRecord(1, "a dog"))
    answer = CaptionAnswer((caption,), 10, matches=False, generation=1)
    show_captions(Session(), QueryCommand("x"), answer)
    assert capsys.readouterr().err == note


def test_programs_and_quiet_people_get_no_such_note(capsys: pytest.CaptureFixture[str]) -> None:
    unlike = Answer((HIT,), 10, matches=False, generation=1)
    for asked in (QueryCommand("x", json=True), QueryCommand("x", filepath=True)):
        assert notes(capsys, asked, unlike) == ""
    assert notes(capsys, QueryCommand("x"), unlike, Session(quiet=True)) == ""


def test_an_empty_answer_names_what_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    empty = Answer((), 0, matches=None, generation=1)
    assert notes(capsys, QueryCommand("x"), empty) == "nothing found\n"
    asked = QueryCommand(
        "x",
        min_score=0.5,
        under=Path("trip"),
        taken_from=datetime(2024, 1, 1),
        taken_to=datetime(2024, 12, 31),
        format=["jpg", "png"],
        orientation="square",
    )
    assert notes(capsys, asked, empty) == (
        "nothing scores 0.5 or more and lies under trip and is from 2024-01-01 or later "
        "and is from 2024-12-31 or before and is of format jpg or png and is square\n"
    )


def test_people_who_set_a_budget_are_told_how_far_it_went(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = Answer((HIT,), 10, matches=None, generation=1, reranked=23)
    asked = QueryCommand("x", budget_ms=60)
    assert notes(capsys, asked, answer) == "reranked 23 hits within 60 ms\n"
    assert notes(capsys, QueryCommand("x", budget_ms=60, json=True), answer) == ""


def test_a_bare_rerank_means_the_engines_usual_depth() -> None:
    """It is spelt out in the commands, as the engine's module would slow down `--help`."""
    assert query.RERANKED == evaluate.RERANKED == DEFAULT_RERANKED
    for options in (query.QueryCommand, evaluate.EvaluateCommand):
        [_, option] = get_args(get_type_hints(options, include_extras=True)["rerank"])
        assert option.max == MOST_RERANKED


def test_orientations_are_those_of_the_engine() -> None:
    """They are spelt out here, as the engine's types would slow down `--help`."""
    hints = get_type_hints(QueryCommand)["orientation"]
    names = [name for choice in get_args(hints) for name in get_args(choice)]
    assert names == list(Orientation)
