"""`mmsearch query`: pictures or captions from words, a picture, or both."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mmsearch.cli.help import Example
from mmsearch.cli.options import command_of
from mmsearch.cli.session import Session

if TYPE_CHECKING:
    from mmsearch.cli.question import Question
    from mmsearch.config import Settings
    from mmsearch.engine.library import Library
    from mmsearch.types import Hit

EXAMPLES = (
    Example('mmsearch query "a cup of coffee"', "pictures from words"),
    Example("mmsearch query --image photos/chelsea.png", "pictures that look like this one"),
    Example(
        "mmsearch query photos/rocket.jpg --plus night:0.5", "a picture's path will do as TEXT"
    ),
    Example('mmsearch query "a vehicle" --minus motorcycle -k 3', "more of one, less of another"),
    Example('mmsearch query "an animal" --json', "one JSON object a line, for programs"),
    Example('mmsearch query "an animal" -0 | xargs -0 ls -l', "paths only, safe for any name"),
    Example('mmsearch query "a person" --html hits.html', "a page of pictures to look at"),
)
OUTPUT = "Output"
MAX_OPENED = 5
"""So many viewers are opened at most."""


class Target(StrEnum):
    """What a question looks for."""

    IMAGES = "images"
    CAPTIONS = "captions"


@dataclass(frozen=True, slots=True)
class QueryCommand:
    """What to ask, and how to show the answer."""

    text: Annotated[
        str | None,
        typer.Argument(
            metavar="TEXT",
            show_default=False,
            help="What to look for, in words; the path of an existing picture means --image.",
        ),
    ] = None
    image: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Look for what resembles this picture.")
    ] = None
    plus: Annotated[
        list[str],
        typer.Option(
            metavar="TERM[:WEIGHT]",
            show_default=False,
            help='Add a term, as in "sunset:0.5". Repeatable.',
        ),
    ] = field(default_factory=list)
    minus: Annotated[
        list[str],
        typer.Option(
            metavar="TERM[:WEIGHT]", show_default=False, help="Subtract a term. Repeatable."
        ),
    ] = field(default_factory=list)
    to: Annotated[Target, typer.Option(help="What to find.")] = Target.IMAGES
    top: Annotated[
        int, typer.Option("--top", "-k", "-t", min=1, metavar="N", help="How many at most.")
    ] = 10
    min_score: Annotated[
        float | None, typer.Option(metavar="S", help="Leave out what scores below S (-1 to 1).")
    ] = None
    under: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Only what lies in this folder.")
    ] = None
    model: Annotated[
        str | None, typer.Option(metavar="NAME|DIR", help="Ask the embeddings of this model.")
    ] = None
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line.", rich_help_panel=OUTPUT)
    ] = False
    filepath: Annotated[
        bool, typer.Option("--filepath", "-f", help="Paths only.", rich_help_panel=OUTPUT)
    ] = False
    null: Annotated[
        bool,
        typer.Option(
            "--null", "-0", help="Paths only, each ended by a NUL byte.", rich_help_panel=OUTPUT
        ),
    ] = False
    preview: Annotated[
        bool,
        typer.Option(
            "--preview", "-p", help="Show the pictures in the terminal.", rich_help_panel=OUTPUT
        ),
    ] = False
    open: Annotated[
        bool,
        typer.Option(
            "--open",
            help=f"Open the best in the system's viewer, {MAX_OPENED} at most.",
            rich_help_panel=OUTPUT,
        ),
    ] = False
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write a page of the pictures found, in one file.",
            rich_help_panel=OUTPUT,
        ),
    ] = None


@command_of(QueryCommand)
def command(session: Session, asked: QueryCommand) -> None:
    """Find pictures by words, by a picture, or both; with --to captions, find captions.

    The score is the cosine of question and answer. A picture never finds itself.
    """
    from mmsearch.cli.question import Question

    _check(asked)
    question = Question.of(asked.text, asked.image, tuple(asked.plus), tuple(asked.minus))
    with session.library(model=asked.model) as library:
        if asked.to is Target.CAPTIONS:
            _show_captions(session, asked, question, library)
        else:
            _show_images(session, asked, question, library)


def _check(asked: QueryCommand) -> None:
    """Refuse outputs that exclude each other, before anything is loaded."""
    chosen = [
        name
        for name, given in (("--json", asked.json), ("-f", asked.filepath), ("-0", asked.null))
        if given
    ]
    if len(chosen) > 1 and chosen != ["-f", "-0"]:
        raise typer.BadParameter(f"{' and '.join(chosen)} exclude each other: give one")
    if asked.preview and chosen:
        raise typer.BadParameter(f"--preview and {chosen[0]} exclude each other: give one")
    pictures_only = {
        "-f": asked.filepath,
        "-0": asked.null,
        "--preview": asked.preview,
        "--open": asked.open,
        "--html": asked.html is not None,
    }
    unfit = [name for name, given in pictures_only.items() if given]
    if asked.to is Target.CAPTIONS and unfit:
        raise typer.BadParameter(f"{unfit[0]} shows pictures: it does not go with --to captions")


def _show_images(
    session: Session, asked: QueryCommand, question: Question, library: Library
) -> None:
    """Ask for pictures and write them in the form asked for."""
    hits = library.query(
        question.text,
        image=question.image,
        plus=question.plus,
        minus=question.minus,
        k=asked.top,
        min_score=asked.min_score,
        under=asked.under,
    )
    _write_images(asked, hits, library.settings)
    _note_if_none(session, asked, found=bool(hits))
    if asked.html is not None:
        from mmsearch.cli.contact_sheet import write_contact_sheet
        from mmsearch.cli.output import write_note
        from mmsearch.cli.wording import shown

        write_contact_sheet(asked.html, question, hits, library.settings)
        if not session.quiet:
            write_note(f"wrote {shown(asked.html)}")
    if asked.open:
        _open_best(hits)


def _write_images(asked: QueryCommand, hits: list[Hit], settings: Settings) -> None:
    """Write the pictures found to stdout."""
    from mmsearch.cli import output

    if asked.json:
        from mmsearch.cli.json_shapes import hit_json

        for hit in hits:
            output.write_json(hit_json(hit))
    elif asked.filepath or asked.null:
        for hit in hits:
            output.write_path(hit.media.path, b"\0" if asked.null else b"\n")
    elif asked.preview and output.is_terminal():
        from mmsearch.cli.preview import write_previews

        write_previews(hits, settings)
    else:
        from mmsearch.cli.hit_table import write_hits

        write_hits(hits)


def _show_captions(
    session: Session, asked: QueryCommand, question: Question, library: Library
) -> None:
    """Ask for captions and write them in the form asked for."""
    hits = library.query_captions(
        question.text,
        image=question.image,
        plus=question.plus,
        minus=question.minus,
        k=asked.top,
        min_score=asked.min_score,
        under=asked.under,
    )
    if asked.json:
        from mmsearch.cli.json_shapes import caption_hit_json
        from mmsearch.cli.output import write_json

        for hit in hits:
            write_json(caption_hit_json(hit))
    else:
        from mmsearch.cli.hit_table import write_caption_hits

        write_caption_hits(hits)
    _note_if_none(session, asked, found=bool(hits))


def _note_if_none(session: Session, asked: QueryCommand, *, found: bool) -> None:
    """Say that nothing was found, and why that may be."""
    if found or session.quiet:
        return
    from mmsearch.cli.output import write_note

    limits = [
        text
        for text, given in (
            (f"scores {asked.min_score} or more", asked.min_score is not None),
            (f"lies under {asked.under}", asked.under is not None),
        )
        if given
    ]
    write_note(f"nothing {' and '.join(limits) or 'found'}")


def _open_best(hits: list[Hit]) -> None:
    """Open the best pictures in the system's viewer."""
    from mmsearch.cli.wording import shown
    from mmsearch.errors import MediaError

    for hit in hits[:MAX_OPENED]:
        if typer.launch(str(hit.media.path)) != 0:
            raise MediaError(f"no viewer opened {shown(hit.media.path)}: is one installed?")
