"""`mmsearch verify`: is the index sound, and are the pictures as they were indexed?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from mmsearch.cli.help import Example
from mmsearch.cli.options import command_of
from mmsearch.cli.session import Session
from mmsearch.engine.upkeep.findings import FileCheck

if TYPE_CHECKING:
    from mmsearch.engine.upkeep.findings import Finding, VerifyReport

EXAMPLES = (
    Example("mmsearch verify", "all of the index; of the pictures a thousand are read whole"),
    Example("mmsearch verify --files all", "every picture is read whole"),
    Example("mmsearch verify --files none --json", "the index alone, for programs"),
)


@dataclass(frozen=True, slots=True)
class VerifyCommand:
    """How much to check."""

    files: Annotated[
        FileCheck,
        typer.Option(
            help="Picture files to read whole; unless 'none', size and time of all are checked."
        ),
    ] = FileCheck.SAMPLE
    sample: Annotated[
        int, typer.Option(metavar="N", min=0, help="How many files a sample is; others each time.")
    ] = 1000
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False


@command_of(VerifyCommand)
def command(session: Session, asked: VerifyCommand) -> None:
    """Check an index for damage, and whether its pictures are as they were indexed.

    Looks at every page of the catalogue, every embedding, region features, vector files and
    picture files. Changes nothing. One line for each finding; exit 1 if there is any.
    """
    from mmsearch.cli.json_shapes import verify_json
    from mmsearch.cli.output import write_json, write_line, write_note
    from mmsearch.cli.progress import UpkeepProgress, live_line
    from mmsearch.engine.upkeep.findings import VerifyOptions

    options = VerifyOptions(asked.files, asked.sample)
    with session.library() as library, live_line(quiet=session.quiet) as line:
        report = library.verify(options, UpkeepProgress(line))
    if asked.json:
        write_json(verify_json(report))
    else:
        for finding in report.findings:
            write_line(finding_text(finding))
    if not session.quiet:
        write_note(verify_text(report))
    if not report.sound:
        raise typer.Exit(1)


def finding_text(finding: Finding) -> str:
    """One finding in one line: check, tab, where, tab, what and what to do."""
    from mmsearch.cli.wording import shown

    return f"{finding.check}\t{shown(finding.where)}\t{shown(f'{finding.what}; {finding.advice}')}"


def verify_text(report: VerifyReport) -> str:
    """The result in one line."""
    from mmsearch.cli.wording import count_text, duration_text

    verdict = "sound" if report.sound else count_text(len(report.findings), "finding")
    offline = f", {report.n_offline:,} offline" if report.n_offline else ""
    return (
        f"{verdict}: looked at {count_text(report.n_embeddings, 'embedding')}, "
        f"{count_text(report.n_vectors, 'vector')} and {count_text(report.n_files, 'file')} "
        f"({report.n_read:,} read whole{offline}) in {duration_text(report.seconds)}"
    )
