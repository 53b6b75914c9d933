from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import typer
from typer.testing import CliRunner

from mmsearch.cli.options import command_of
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
