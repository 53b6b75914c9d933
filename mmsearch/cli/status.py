"""`mmsearch status`: what an index holds, and what failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from mmsearch.cli.help import Example
from mmsearch.cli.options import command_of
from mmsearch.cli.session import Session

if TYPE_CHECKING:
    from mmsearch.engine.records import LibraryStatus, VectorFileStatus
    from mmsearch.types import Failure

EXAMPLES = (
    Example("mmsearch status", "counts, folders, models and sizes"),
    Example("mmsearch status --failed", "each file that could not be indexed, and why"),
    Example("mmsearch --index demo status --json", "another index, for programs"),
)


@dataclass(frozen=True, slots=True)
class StatusCommand:
    """What to show."""

    failed: Annotated[
        bool, typer.Option("--failed", help="List the files that failed, with their reasons.")
    ] = False
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object; with --failed one a line.")
    ] = False


@command_of(StatusCommand)
def command(session: Session, asked: StatusCommand) -> None:
    """Show what is indexed, by which model, where it is kept, and what failed."""
    from mmsearch.cli.json_shapes import failure_json, status_json
    from mmsearch.cli.output import write_json, write_line

    with session.library() as library:
        if asked.failed:
            failures = library.failures()
            for failure in failures:
                if asked.json:
                    write_json(failure_json(failure))
                else:
                    write_line(failure_text(failure))
            return
        status = library.status()
    if asked.json:
        write_json(status_json(status))
    else:
        for line in status_lines(status):
            write_line(line)


def failure_text(failure: Failure) -> str:
    """One failure in one line: path, tab, reason."""
    from mmsearch.cli.wording import shown

    return f"{shown(failure.path)}\t{' '.join(failure.reason.split())}"


def _search_text(file: VectorFileStatus) -> str:
    """How a large index is searched; small ones are exact, which goes without saying."""
    from mmsearch.cli.wording import count_text, size_text

    what = count_text(file.n_rows, file.modality.value)
    recent = f", {file.n_recent:,} of them scanned beside it" if file.n_recent else ""
    return f"{file.recipe}  ({what}{recent}, {size_text(file.size_bytes)}; --exact misses none)"


def status_lines(status: LibraryStatus) -> list[str]:
    """The status in words."""
    from mmsearch.cli.wording import count_text, shown, size_text

    copies = status.n_files - status.n_contents
    lines = [
        f"index     {status.index}  ({shown(status.path)}, {size_text(status.size_bytes)})",
        f"pictures  {status.n_files:,}"
        + (f"  ({count_text(copies, 'copy', 'copies')} of others)" if copies else ""),
        f"captions  {status.n_captions:,}",
        f"failed    {status.n_failed:,}"
        + ("  (mmsearch status --failed lists them)" if status.n_failed else ""),
    ]
    for root in status.roots:
        state = "" if root.online else ", offline"
        lines.append(f"folder    {shown(root.path)}  ({count_text(root.n_files, 'file')}{state})")
    for one in status.spaces:
        counts = f"{count_text(one.n_images, 'picture')}, {count_text(one.n_captions, 'caption')}"
        if one.n_with_regions:
            counts = f"{counts}, {one.n_with_regions:,} with rerank features"
        usual = ", default" if one.is_default else ""
        if one.is_previous:
            usual = ", previous: 'mmsearch migrate --rollback' goes back to it"
        size = size_text(one.vectors_size_bytes)
        lines.append(f"model     {one.space.name}  ({counts}, {size}{usual})")
        lines.extend(f"search    {_search_text(file)}" for file in one.vectors if not file.exact)
    return lines
