"""`mmsearch repair`: mend what `mmsearch verify` finds in an index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from mmsearch.cli.help import Example
from mmsearch.cli.options import command_of
from mmsearch.cli.session import Session

if TYPE_CHECKING:
    from mmsearch.engine.upkeep.findings import RepairReport

EXAMPLES = (
    Example("mmsearch repair", "drop what is damaged, rebuild vector files"),
    Example("mmsearch repair --json", "the same as one JSON object"),
)


@dataclass(frozen=True, slots=True)
class RepairCommand:
    """How to tell it."""

    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False


@command_of(RepairCommand)
def command(session: Session, asked: RepairCommand) -> None:
    """Mend an index: rebuild vector files that differ from the catalogue, drop damaged rows.

    The next `mmsearch index` makes anew what was dropped. A catalogue that is damaged itself is
    left alone: restore a backup. Pictures are neither read nor changed.
    """
    from mmsearch.cli.json_shapes import repair_json
    from mmsearch.cli.output import write_json, write_line, write_note
    from mmsearch.cli.progress import UpkeepProgress, live_line
    from mmsearch.cli.verify import finding_text

    with session.library() as library, live_line(quiet=session.quiet) as line:
        report = library.repair(UpkeepProgress(line))
    if asked.json:
        write_json(repair_json(report))
    else:
        for finding in report.mended:
            write_line(finding_text(finding))
    if not session.quiet:
        write_note(repair_text(report))


def repair_text(report: RepairReport) -> str:
    """The result in one line."""
    from mmsearch.cli.wording import count_text, duration_text

    if not report.mended:
        return f"nothing to mend ({duration_text(report.seconds)})"
    dropped = f"dropped {count_text(report.n_embeddings, 'embedding')}"
    regions = f"region features of {count_text(report.n_regions, 'picture')}"
    rebuilt = f"rebuilt {count_text(len(report.rebuilt), 'vector file')}"
    again = "; run 'mmsearch index FOLDER' to make them anew" if report.needs_index else ""
    return f"{dropped} and {regions}, {rebuilt} in {duration_text(report.seconds)}{again}"
