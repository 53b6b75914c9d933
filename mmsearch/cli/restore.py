"""`mmsearch restore`: a backup becomes the index again."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmsearch.cli.help import Example
from mmsearch.cli.options import command_of
from mmsearch.cli.session import Session

if TYPE_CHECKING:
    from mmsearch.engine.upkeep.backup_records import RestoreReport

EXAMPLES = (
    Example("mmsearch restore backups/monday --yes", "replace the index, without being asked"),
    Example("mmsearch --index other restore backups/monday", "make another index of a backup"),
)


@dataclass(frozen=True, slots=True)
class RestoreCommand:
    """What to restore, and whether to ask first."""

    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="What 'mmsearch backup' made, or a restore point."),
    ]
    yes: Annotated[bool, typer.Option("--yes", help="Replace the index without being asked.")] = (
        False
    )
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False


@command_of(RestoreCommand)
def command(session: Session, asked: RestoreCommand) -> None:
    """Make an index what a backup holds; the present one is kept as a restore point.

    All of the backup is checked first. Nobody else may have the index open meanwhile: stop
    'mmsearch serve'. To undo it, restore the restore point, the folder that is named at the end.
    """
    from mmsearch.cli.backup import damage_text
    from mmsearch.cli.json_shapes import restore_json
    from mmsearch.cli.output import write_json, write_note
    from mmsearch.cli.progress import UpkeepProgress, live_line

    with session.library() as library:
        if not (asked.yes or library.is_new() or _confirmed(session)):
            write_note("nothing was changed")
            raise typer.Exit(1)
        with live_line(quiet=session.quiet) as line:
            report = library.restore(asked.folder, UpkeepProgress(line))
    if asked.json:
        write_json(restore_json(asked.folder, report))
    if not session.quiet:
        write_note(restore_text(report))
    if report.backup.damaged:
        write_note(damage_text(report.backup))


def restore_text(report: RestoreReport) -> str:
    """What the index is now, and what became of the former one."""
    from mmsearch.cli.backup import backup_text
    from mmsearch.cli.wording import duration_text, shown

    kept = "" if report.kept is None else f"; what was there before is in {shown(report.kept)}"
    made_at = f"{report.backup.made_at:%Y-%m-%d %H:%M} UTC"
    took = duration_text(report.seconds)
    return f"restored {backup_text(report.backup)}, as of {made_at}, in {took}{kept}"


def _confirmed(session: Session) -> bool:
    """Whether a person says yes."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise typer.BadParameter("there is an index already: --yes replaces it")
    name = session.settings().index
    return typer.confirm(f"Replace index '{name}'? It is kept as a restore point", err=True)
