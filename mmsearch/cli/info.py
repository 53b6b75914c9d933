"""`mmsearch info`: all that is known of one picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmsearch.cli.help import Example
from mmsearch.cli.options import command_of
from mmsearch.cli.session import Session

if TYPE_CHECKING:
    from mmsearch.engine.records import MediaInfo
    from mmsearch.types import MediaRecord

EXAMPLES = (
    Example("mmsearch info photos/rocket.jpg", "size, date, camera, captions, copies"),
    Example("mmsearch info photos/rocket.jpg --json", "the same as one JSON object"),
)


@dataclass(frozen=True, slots=True)
class InfoCommand:
    """Which file."""

    file: Annotated[Path, typer.Argument(metavar="FILE", help="An indexed picture.")]
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False


@command_of(InfoCommand)
def command(session: Session, asked: InfoCommand) -> None:
    """Show what the index knows of one picture: metadata, captions, copies, or why it failed."""
    from mmsearch.cli.json_shapes import info_json
    from mmsearch.cli.output import write_json, write_line

    with session.library() as library:
        info = library.info(asked.file)
    if asked.json:
        write_json(info_json(info))
        return
    for name, value in info_rows(info):
        write_line(f"{name:<9} {value}")


def info_rows(info: MediaInfo) -> list[tuple[str, str]]:
    """Names with values, in the order of showing; what is not known is left out."""
    from mmsearch.cli.wording import shown

    rows = [("path", shown(info.path))]
    if info.failure is not None:
        rows.append(("failed", " ".join(info.failure.reason.split())))
    if info.media is not None:
        rows += _media_rows(info.media)
    rows += [("caption", " ".join(caption.text.split())) for caption in info.captions]
    rows += [("copy", shown(copy.path)) for copy in info.copies]
    for space in info.spaces:
        regions = ", rerank features" if space in info.region_spaces else ""
        rows.append(("model", f"{space.name} ({space.dim} dimensions{regions})"))
    return rows


def _media_rows(media: MediaRecord) -> list[tuple[str, str]]:
    """The rows of the file and its metadata."""
    from mmsearch.cli.wording import size_text, time_text

    about = media.metadata
    rows = [
        ("picture", f"{about.width} \N{MULTIPLICATION SIGN} {about.height} {about.format}"),
        ("size", size_text(media.size_bytes)),
        ("changed", time_text(media.mtime_ns)),
    ]
    if about.taken_at is not None:
        rows.append(("taken", about.taken_at.isoformat(" ")))
    if about.camera:
        rows.append(("camera", about.camera))
    if about.latitude is not None and about.longitude is not None:
        rows.append(("place", f"{about.latitude:.5f}, {about.longitude:.5f}"))
    if not media.online:
        rows.append(("offline", "its folder is missing now"))
    return [*rows, ("digest", media.digest), ("media_id", str(media.media_id))]
