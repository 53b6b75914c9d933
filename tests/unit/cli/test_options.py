from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from mmsearch.cli.app import load_command
from mmsearch.cli.commands import COMMANDS
from mmsearch.cli.options import command_of, optional_integer, with_defaults
from mmsearch.cli.session import Session


@dataclass(frozen=True, slots=True)
class Order:
    """Options of a test command."""

    what: Annotated[str, typer.Argument()]
    sides: Annotated[list[str], typer.Option("--side")] = field(default_factory=list)
    loud: Annotated[bool, typer.Option("--loud")] = False


def _run(*arguments: str) -> tuple[int, list[tuple[Session, Order]]]:
    seen: list[tuple[Session, Order]] = []

    @command_of(Order)
    def order(session: Session, asked: Order) -> None:
        """Order something."""
        seen.append((session, asked))

    app = typer.Typer()
    app.command()(order)
    return CliRunner().invoke(app, list(arguments)).exit_code, seen


def test_fields_become_parameters_and_come_back_as_the_dataclass() -> None:
    code, seen = _run("tea", "--side", "milk", "--side", "sugar", "--loud")
    assert code == 0
    assert seen == [(Session(), Order("tea", ["milk", "sugar"], loud=True))]


def test_lists_start_empty_and_are_not_shared_between_runs() -> None:
    assert _run("tea")[1][0][1].sides == []
    assert _run("tea")[1][0][1].sides == []


def test_a_field_without_default_is_required() -> None:
    assert _run()[0] == 2


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["--rerank", "a dog"], ["--rerank=50", "a dog"]),
        (["a dog", "--rerank"], ["a dog", "--rerank=50"]),
        (["--rerank", "20", "a dog"], ["--rerank", "20", "a dog"]),
        (["--rerank=20", "a dog"], ["--rerank=20", "a dog"]),
        (["--rerank", "--json", "x"], ["--rerank=50", "--json", "x"]),
        (["--rerank", "-3", "x"], ["--rerank", "-3", "x"]),
        (["--rerank", "2.5"], ["--rerank=50", "2.5"]),
        (["--other", "x"], ["--other", "x"]),
        (["--", "--rerank", "x"], ["--", "--rerank", "x"]),
        ([], []),
    ],
)
def test_only_an_integer_right_after_it_is_the_value_of_an_option_that_may_stand_alone(
    given: list[str], meant: list[str]
) -> None:
    assert with_defaults(given, {"--rerank": optional_integer(50), "--other": "N"}) == meant


@pytest.mark.parametrize(
    ("given", "text", "depth"),
    [
        (["--rerank", "a dog"], "a dog", 50),
        (["a dog", "--rerank"], "a dog", 50),
        (["--rerank", "7", "a dog"], "a dog", 7),
        (["a dog", "--rerank=7", "--json"], "a dog", 7),
        (["a dog"], "a dog", None),
    ],
)
def test_query_takes_a_depth_or_none_and_leaves_the_text_alone(
    given: list[str], text: str, depth: int | None
) -> None:
    [entry] = [entry for entry in COMMANDS if entry.name == "query"]
    command = load_command(entry)
    parsed = command.make_context("query", given).params
    assert (parsed["text"], parsed["rerank"]) == (text, depth)
