"""`mmsearch doctor`: does mmsearch work on this machine, and what may be done if not?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from mmsearch.cli.help import Example
from mmsearch.cli.options import command_of
from mmsearch.cli.session import Session

if TYPE_CHECKING:
    from mmsearch.engine.doctor import Diagnosis

EXAMPLES = (
    Example("mmsearch doctor", "look at everything"),
    Example("mmsearch doctor --json", "one JSON object a line, to send with a question"),
)


@dataclass(frozen=True, slots=True)
class DoctorCommand:
    """How to tell it."""

    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False


@command_of(DoctorCommand)
def command(session: Session, asked: DoctorCommand) -> None:
    """Look at the installation, the processor, the disk, the model and the indexes.

    One line each: ok, note or problem, and what to do about it. Exit 1 if there is a problem.
    """
    from mmsearch.cli.json_shapes import diagnosis_json
    from mmsearch.cli.output import write_json, write_line
    from mmsearch.engine.doctor import Level, diagnose

    problems = 0
    for diagnosis in diagnose(session.settings()):
        problems += diagnosis.level is Level.PROBLEM
        if asked.json:
            write_json(diagnosis_json(diagnosis))
        else:
            write_line(diagnosis_text(diagnosis))
    if problems:
        raise typer.Exit(1)


def diagnosis_text(diagnosis: Diagnosis) -> str:
    """One line: level, tab, subject, tab, how it is and what to do."""
    from mmsearch.cli.wording import shown

    advice = f"; {diagnosis.advice}" if diagnosis.advice else ""
    return f"{diagnosis.level}\t{diagnosis.subject}\t{shown(diagnosis.says + advice)}"
