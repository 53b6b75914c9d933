"""`mmsearch remove`: forget files; never touch them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from mmsearch.cli.help import Example
from mmsearch.cli.options import command_of
from mmsearch.cli.session import Session

EXAMPLES = (
    Example("mmsearch remove photos/rocket.jpg", "forget one picture"),
    Example("mmsearch remove photos --json", "forget a folder and all below it"),
)


@dataclass(frozen=True, slots=True)
class RemoveCommand:
    """What to forget."""

    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH", help="Files or folders; they may be gone.")
    ]
    json: Annotated[bool, typer.Option("--json", help="One JSON object a PATH.")] = False


@command_of(RemoveCommand)
def command(session: Session, asked: RemoveCommand) -> None:
    """Forget files or folders: they leave the index, and stay on disk.

    A folder that is indexed again comes back. Exit 1 if nothing was known of some PATH.
    """
    from mmsearch.cli.errors import write_error
    from mmsearch.cli.json_shapes import removed_json
    from mmsearch.cli.output import write_json, write_note
    from mmsearch.cli.wording import count_text, shown

    unknown = 0
    with session.library() as library:
        for path in asked.paths:
            removed = library.remove(path)
            if asked.json:
                write_json(removed_json(path, removed))
            if not removed:
                unknown += 1
                write_error(f"nothing of {shown(path)} is in the index")
            elif not session.quiet:
                write_note(f"forgot {count_text(removed, 'picture')} of {shown(path)}; files stay")
    if unknown:
        raise typer.Exit(1)
