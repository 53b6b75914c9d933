"""`mmsearch train-reranker`: train a cross encoder that reorders a dual encoder's results."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mmsearch.cli.help import Example
from mmsearch.cli.options import command_of
from mmsearch.cli.session import Session
from mmsearch.cli.train import Augment
from mmsearch.training.reranker.config import DualData, RerankerTrainConfig

EXAMPLES = (
    Example(
        "mmsearch train-reranker captions.csv --images photos --model tuned --out tuned/reranker",
        'then: mmsearch index photos --model tuned; mmsearch query "a dog on a beach"',
    ),
    Example(
        "mmsearch train-reranker captions.csv --images photos --out better --max-minutes 30",
        "for the default model, in half an hour; then: mmsearch index photos --reranker better",
    ),
)
_USUAL = RerankerTrainConfig()
_USUAL_DATA = DualData(data=Path(), images=Path())
"""Where the defaults below come from, so that help and training cannot disagree."""

DATA, LEARNING, OBJECTIVES, NETWORK, RUN = "Data", "Learning", "Objectives", "Network", "Run"


class Arrangement(StrEnum):
    """How the streams of words and regions meet."""

    LXMERT = "lxmert"
    VILBERT = "vilbert"


_USUAL_ARRANGEMENT = Arrangement(_USUAL.network.arrangement)
_USUAL_AUGMENT = Augment(_USUAL_DATA.augment)


@dataclass(frozen=True, slots=True)
class TrainRerankerCommand:
    """What to learn from, how, and where to; names and defaults are those of the configs."""

    data: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="Captions: Karpathy or COCO JSON, CSV, TSV, JSONL."),
    ]
    images: Annotated[
        Path, typer.Option(metavar="DIR", help="The folder that the captions' file names start in.")
    ]
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Where the reranker, log and plot go; MODEL/reranker is found by itself.",
        ),
    ]
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME|DIR", help="The dual encoder whose results it will reorder."),
    ] = None
    train_split: Annotated[
        str, typer.Option(metavar="NAME", help="Split to learn from.", rich_help_panel=DATA)
    ] = _USUAL_DATA.train_split
    val_split: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Split to validate on.", rich_help_panel=DATA),
    ] = _USUAL_DATA.val_split
    val_fraction: Annotated[
        float,
        typer.Option(
            metavar="F", help="Share held out where there is no such split.", rich_help_panel=DATA
        ),
    ] = _USUAL_DATA.val_fraction
    val_limit: Annotated[
        int,
        typer.Option(metavar="N", help="Validate on N pictures at most.", rich_help_panel=DATA),
    ] = _USUAL_DATA.val_limit
    restval: Annotated[
        bool,
        typer.Option("--restval", help="Learn from Karpathy's restval too.", rich_help_panel=DATA),
    ] = False
    augment: Annotated[
        Augment, typer.Option(help="How much pictures are varied.", rich_help_panel=DATA)
    ] = _USUAL_AUGMENT
    views: Annotated[
        int,
        typer.Option(
            metavar="N", help="Variations of each picture, itself counted.", rich_help_panel=DATA
        ),
    ] = _USUAL_DATA.views
    steps: Annotated[
        int, typer.Option(metavar="N", help="Optimisation steps.", rich_help_panel=LEARNING)
    ] = _USUAL.steps
    max_minutes: Annotated[
        float | None,
        typer.Option(
            metavar="M", help="Fit the schedule into this time.", rich_help_panel=LEARNING
        ),
    ] = None
    lr: Annotated[
        float, typer.Option(metavar="R", help="Peak learning rate.", rich_help_panel=LEARNING)
    ] = _USUAL.lr
    language_lr: Annotated[
        float,
        typer.Option(metavar="R", help="That of the language encoder.", rich_help_panel=LEARNING),
    ] = _USUAL.language_lr
    weight_decay: Annotated[
        float, typer.Option(metavar="W", help="AdamW's.", rich_help_panel=LEARNING)
    ] = _USUAL.weight_decay
    frozen_layers: Annotated[
        int,
        typer.Option(
            metavar="N", help="Language layers that stay as they are.", rich_help_panel=LEARNING
        ),
    ] = _USUAL.frozen_layers
    batch_pictures: Annotated[
        int,
        typer.Option(metavar="N", help="Random pictures in a half step.", rich_help_panel=LEARNING),
    ] = _USUAL.drawing.seeds
    neighbours: Annotated[
        int,
        typer.Option(
            metavar="N", help="Look-alikes drawn for each of them.", rich_help_panel=LEARNING
        ),
    ] = _USUAL.drawing.neighbours
    negatives: Annotated[
        int,
        typer.Option(
            metavar="N", help="Hard negatives of each pair, both ways.", rich_help_panel=LEARNING
        ),
    ] = _USUAL.drawing.negatives
    align: Annotated[
        float,
        typer.Option(
            metavar="W", help="Contrast of words and regions.", rich_help_panel=OBJECTIVES
        ),
    ] = _USUAL.objectives.align
    match: Annotated[
        float,
        typer.Option(
            metavar="W", help="The right one among hard negatives.", rich_help_panel=OBJECTIVES
        ),
    ] = _USUAL.objectives.match
    binary: Annotated[
        float,
        typer.Option(
            metavar="W", help="Whether a pair belongs together.", rich_help_panel=OBJECTIVES
        ),
    ] = _USUAL.objectives.binary
    twins: Annotated[
        float,
        typer.Option(
            metavar="W",
            help="The caption, not one with two words exchanged.",
            rich_help_panel=OBJECTIVES,
        ),
    ] = _USUAL.objectives.twins
    words: Annotated[
        float, typer.Option(metavar="W", help="Masked words.", rich_help_panel=OBJECTIVES)
    ] = _USUAL.objectives.words
    regions: Annotated[
        float, typer.Option(metavar="W", help="Masked regions.", rich_help_panel=OBJECTIVES)
    ] = _USUAL.objectives.regions
    arrangement: Annotated[
        Arrangement,
        typer.Option(help="How words and regions meet.", rich_help_panel=NETWORK),
    ] = _USUAL_ARRANGEMENT
    width: Annotated[
        int, typer.Option(metavar="N", help="Width where they meet.", rich_help_panel=NETWORK)
    ] = _USUAL.network.width
    language_layers: Annotated[
        int,
        typer.Option(metavar="N", help="Layers over words alone.", rich_help_panel=NETWORK),
    ] = _USUAL.network.language_layers
    region_layers: Annotated[
        int,
        typer.Option(metavar="N", help="Layers over regions alone.", rich_help_panel=NETWORK),
    ] = _USUAL.network.region_layers
    cross_layers: Annotated[
        int,
        typer.Option(metavar="N", help="Layers in which they meet.", rich_help_panel=NETWORK),
    ] = _USUAL.network.cross_layers
    grid: Annotated[
        int,
        typer.Option(metavar="N", help="Rows and columns of regions.", rich_help_panel=NETWORK),
    ] = _USUAL.network.rows
    channels: Annotated[
        int, typer.Option(metavar="N", help="Bytes of a region.", rich_help_panel=NETWORK)
    ] = _USUAL.network.channels
    validate_steps: Annotated[
        int, typer.Option(metavar="N", help="Validate every N steps.", rich_help_panel=RUN)
    ] = _USUAL.validate_steps
    depth: Annotated[
        int,
        typer.Option(metavar="N", help="First hits reranked in validation.", rich_help_panel=RUN),
    ] = _USUAL.depth
    seed: Annotated[
        int, typer.Option(metavar="N", help="Decides all that is random.", rich_help_panel=RUN)
    ] = _USUAL.seed
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--restart", help="Go on with an unfinished run.", rich_help_panel=RUN
        ),
    ] = _USUAL.resume
    amp: Annotated[
        bool,
        typer.Option("--amp/--no-amp", help="Mixed precision where it helps.", rich_help_panel=RUN),
    ] = True
    checkpoint_steps: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Save the state every N steps; 0: every two minutes.",
            rich_help_panel=RUN,
        ),
    ] = _USUAL.checkpoint_steps
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", help="Processes that decode pictures.", rich_help_panel=RUN),
    ] = None
    json: Annotated[
        bool, typer.Option("--json", help="Write the result as JSON.", rich_help_panel=RUN)
    ] = False


@command_of(TrainRerankerCommand)
def command(session: Session, asked: TrainRerankerCommand) -> None:
    """Train a cross encoder that reads words and picture regions together, for one model.

    The result reorders that model's first results: give its directory to --reranker, or put it
    at MODEL/reranker. Ctrl-C keeps a checkpoint; the same command goes on from there. Train it on
    pictures that the model itself has not learned from, where you have them.
    """
    from mmsearch.cli.output import write_json, write_note
    from mmsearch.cli.progress import live_line
    from mmsearch.cli.reranker_report import RerankerProgress, result_json, result_text
    from mmsearch.cli.reranker_settings import dual_data, reranker_config
    from mmsearch.training.reranker import train_reranker_for

    data = dual_data(session, asked)
    config = reranker_config(session, asked)
    with live_line(quiet=session.quiet) as line:
        progress = RerankerProgress(line, quiet=session.quiet)
        result = train_reranker_for(data, config, asked.out, progress)
    if asked.json:
        write_json(result_json(result))
    if result.interrupted:
        write_note("mmsearch: interrupted: the run is kept; the same command goes on")
        raise typer.Exit(130)
    if not session.quiet:
        write_note(result_text(result))
