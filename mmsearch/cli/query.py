"""`mmsearch query`: pictures or captions from words, a picture, or both."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mmsearch.cli.help import Example
from mmsearch.cli.options import command_of, optional_integer
from mmsearch.cli.session import Session

if TYPE_CHECKING:
    from mmsearch.cli.question import Question
    from mmsearch.engine.request import QueryOptions

EXAMPLES = (
    Example('mmsearch query "a cup of coffee"', "pictures from words"),
    Example("mmsearch query --image photos/chelsea.png", "pictures that look like this one"),
    Example(
        "mmsearch query photos/rocket.jpg --plus night:0.5", "a picture's path will do as TEXT"
    ),
    Example('mmsearch query "a vehicle" --minus motorcycle -k 3', "more of one, less of another"),
    Example(
        'mmsearch query "a rocket" --format jpg --orientation landscape --taken-from 2010-01-01',
        "of some pictures only",
    ),
    Example('mmsearch query "an animal" --json', "one JSON object a line, for programs"),
    Example('mmsearch query "an animal" -0 | xargs -0 ls -l', "paths only, safe for any name"),
    Example('mmsearch query "a person" --html hits.html', "a page of pictures to look at"),
    Example('mmsearch query "an animal" --rerank 20', "the first 20 in a cross encoder's order"),
    Example('mmsearch query "an animal" --no-rerank', "in the order of the cosine alone"),
)
FILTERS = "Filters"
RERANKING = "Reranking"
OUTPUT = "Output"
RERANKED = 50
"""First hits that a bare --rerank reranks: the engine's usual number."""
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
    exact: Annotated[
        bool, typer.Option("--exact", help="Miss nothing near, however large the index is.")
    ] = False
    under: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Only what lies in this folder.", rich_help_panel=FILTERS),
    ] = None
    taken_from: Annotated[
        datetime | None,
        typer.Option(
            metavar="DATE",
            formats=["%Y-%m-%d"],
            help="Only what was taken on this day or later, as in 2024-07-31; where the picture "
            "does not tell, its file's day counts.",
            rich_help_panel=FILTERS,
        ),
    ] = None
    taken_to: Annotated[
        datetime | None,
        typer.Option(
            metavar="DATE",
            formats=["%Y-%m-%d"],
            help="Only what was taken on this day or before.",
            rich_help_panel=FILTERS,
        ),
    ] = None
    format: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            show_default=False,
            help="Only this format, as in jpg. Repeatable.",
            rich_help_panel=FILTERS,
        ),
    ] = field(default_factory=list)
    orientation: Annotated[
        Literal["landscape", "portrait", "square"] | None,
        typer.Option(help="Only pictures of this shape.", rich_help_panel=FILTERS),
    ] = None
    model: Annotated[
        str | None, typer.Option(metavar="NAME|DIR", help="Ask the embeddings of this model.")
    ] = None
    rerank: Annotated[
        int | None,
        typer.Option(
            "--rerank",
            metavar=optional_integer(RERANKED),
            min=1,
            max=1000,
            show_default=False,
            help="Have a cross encoder read the first N hits and put them in its order "
            f"({RERANKED} if not given). Done of itself where the model's reranker helps.",
            rich_help_panel=RERANKING,
        ),
    ] = None
    no_rerank: Annotated[
        bool,
        typer.Option("--no-rerank", help="In the order of the cosine.", rich_help_panel=RERANKING),
    ] = False
    budget_ms: Annotated[
        float | None,
        typer.Option(
            metavar="T",
            min=0,
            help="Rerank for T milliseconds at most; what was not read by then stays as it was.",
            rich_help_panel=RERANKING,
        ),
    ] = None
    reranker: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Another reranker than the one in the model's directory.",
            rich_help_panel=RERANKING,
        ),
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

    The score is the cosine of question and answer. A picture never finds itself. A cross encoder
    reads the question and each of the first hits together: slower, and better at their order.
    """
    from mmsearch.cli.answers import show_captions, show_images
    from mmsearch.cli.question import Question
    from mmsearch.engine.request import QueryRequest

    _check(asked)
    question = Question.of(asked.text, asked.image, tuple(asked.plus), tuple(asked.minus))
    request = QueryRequest.of(question.text, _options(asked, question))
    with session.library(once=True, model=asked.model, reranker=asked.reranker) as library:
        if asked.to is Target.CAPTIONS:
            show_captions(session, asked, library.answer_captions(request))
        else:
            answer = library.answer(request)
            show_images(session, asked, question, answer, library.settings)


def _options(asked: QueryCommand, question: Question) -> QueryOptions:
    """What was asked, in the engine's words."""
    return {
        "image": question.image,
        "plus": question.plus,
        "minus": question.minus,
        "k": asked.top,
        "min_score": asked.min_score,
        "rerank": 0 if asked.no_rerank else asked.rerank,
        "budget_ms": asked.budget_ms,
        "exact": asked.exact,
        "under": asked.under,
        "taken_from": asked.taken_from,
        "taken_to": asked.taken_to,
        "formats": asked.format,
        "orientation": asked.orientation,
    }


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
    if asked.no_rerank and asked.rerank is not None:
        raise typer.BadParameter("--rerank and --no-rerank exclude each other: give one")
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
