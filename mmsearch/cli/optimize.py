"""`mmsearch optimize`: make vector files anew where that makes questions quicker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from mmsearch.cli.help import Example
from mmsearch.cli.options import command_of
from mmsearch.cli.session import Session

if TYPE_CHECKING:
    from mmsearch.engine.upkeep.findings import OptimizeReport

EXAMPLES = (
    Example("mmsearch optimize", "while the index is searched and served"),
    Example("mmsearch optimize --json", "the same as one JSON object"),
)


@dataclass(frozen=True, slots=True)
class OptimizeCommand:
    """How to tell it."""

    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False


@command_of(OptimizeCommand)
def command(session: Session, asked: OptimizeCommand) -> None:
    """Put recent changes into the vector files, and train their lists where those have aged.

    Others may search, serve and index meanwhile: they go on with the old file until the new one is
    in its place. An index of fewer than 100,000 pictures is searched exactly and needs none of it.
    """
    from mmsearch.cli.json_shapes import optimize_json
    from mmsearch.cli.output import write_json, write_note
    from mmsearch.cli.progress import UpkeepProgress, live_line

    with session.library() as library, live_line(quiet=session.quiet) as line:
        report = library.optimize(UpkeepProgress(line))
    if asked.json:
        write_json(optimize_json(report))
    if not session.quiet:
        write_note(optimize_text(report))


def optimize_text(report: OptimizeReport) -> str:
    """The result in one line."""
    from mmsearch.cli.wording import count_text, duration_text

    if not report.rebuilt:
        return f"nothing to optimize ({duration_text(report.seconds)})"
    made = count_text(len(report.rebuilt), "vector file")
    return f"made {made} anew in {duration_text(report.seconds)}"
