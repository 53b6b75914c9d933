"""`mmsearch backup`: a whole, checked copy of an index that is in use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmsearch.cli.help import Example
from mmsearch.cli.options import command_of
from mmsearch.cli.session import Session

if TYPE_CHECKING:
    from mmsearch.engine.upkeep.backup_records import BackupRecord

EXAMPLES = (
    Example("mmsearch backup backups/monday", "copy the index to a new folder"),
    Example("mmsearch backup backups/monday --json", "the same, telling programs what is in it"),
)


@dataclass(frozen=True, slots=True)
class BackupCommand:
    """Where to copy the index."""

    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where to; it is made, or must be empty.")
    ]
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False


@command_of(BackupCommand)
def command(session: Session, asked: BackupCommand) -> None:
    """Copy an index to a folder, while others search and index.

    The copy is of one moment and is checked. It holds all that an index knows: rows, captions,
    embeddings. Pictures are not copied; vector files are made anew from it. Embeddings that are
    damaged already are kept as they are, with a warning.
    """
    from mmsearch.cli.json_shapes import backup_json
    from mmsearch.cli.output import write_json, write_note
    from mmsearch.cli.progress import UpkeepProgress, live_line
    from mmsearch.cli.wording import shown

    with session.library() as library, live_line(quiet=session.quiet) as line:
        record = library.backup(asked.folder, UpkeepProgress(line))
    if asked.json:
        write_json(backup_json(asked.folder, record))
    if not session.quiet:
        write_note(f"backed up {backup_text(record)} to {shown(asked.folder)}")
    if record.damaged:
        write_note(damage_text(record))


def damage_text(record: BackupRecord) -> str:
    """What to do about damage that a backup keeps."""
    return (
        f"mmsearch: warning: of the embeddings and region features, {record.damaged:,} damaged, "
        "here and in the backup: 'mmsearch verify' names them, 'mmsearch repair' and then "
        "'mmsearch index' make them anew"
    )


def backup_text(record: BackupRecord) -> str:
    """What a backup holds, in words."""
    from mmsearch.cli.wording import count_text, size_text

    counts = f"{count_text(record.files, 'picture')} and {count_text(record.captions, 'caption')}"
    return f"index '{record.index}' with {counts} ({size_text(record.size_bytes)})"
