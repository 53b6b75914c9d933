"""`mmsearch train-reranker`: train a cross encoder that reorders a dual encoder's results."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mmsearch.cli import training_options as shared
from mmsearch.cli.help import Example
from mmsearch.cli.options import command_of
from mmsearch.cli.session import Session
from mmsearch.cli.training_options import DATA, LEARNING, RUN
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
_WEIGHTS, _SIZES = _USUAL.objectives, _USUAL.network
_USUAL_DATA = DualData(data=Path(), images=Path())
"""Where the defaults below come from, so that help and training cannot disagree."""

OBJECTIVES, NETWORK = "Objectives", "Network"


class Arrangement(StrEnum):
    """How the streams of words and regions meet."""

    LXMERT = "lxmert"
    VILBERT = "vilbert"


_USUAL_ARRANGEMENT = Arrangement(_SIZES.arrangement)
_USUAL_AUGMENT = shared.Augment(_USUAL_DATA.augment)


def _weight(what: str) -> object:
    """The option of an objective's share of the loss."""
    return typer.Option(metavar="W", help=what, rich_help_panel=OBJECTIVES)


def _size(what: str) -> object:
    """The option of one size of the network."""
    return typer.Option(metavar="N", help=what, rich_help_panel=NETWORK)


@dataclass(frozen=True, slots=True)
class TrainRerankerCommand:
    """What to learn from, how, and where to; names and defaults are those of the configs."""

    data: shared.CaptionFile
    images: shared.PictureFolder
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
    train_split: shared.TrainSplit = _USUAL_DATA.train_split
    val_split: shared.ValSplit = _USUAL_DATA.val_split
    val_fraction: shared.ValFraction = _USUAL_DATA.val_fraction
    val_limit: shared.ValLimit = _USUAL_DATA.val_limit
    restval: shared.Restval = False
    augment: shared.AugmentChoice = _USUAL_AUGMENT
    views: Annotated[
        int,
        typer.Option(
            metavar="N", help="Variations of each picture, itself counted.", rich_help_panel=DATA
        ),
    ] = _USUAL_DATA.views
    steps: Annotated[
        int, typer.Option(metavar="N", help="Optimisation steps.", rich_help_panel=LEARNING)
    ] = _USUAL.steps
    max_minutes: shared.MaxMinutes = None
    lr: shared.PeakRate = _USUAL.lr
    language_lr: Annotated[
        float,
        typer.Option(metavar="R", help="That of the language encoder.", rich_help_panel=LEARNING),
    ] = _USUAL.language_lr
    weight_decay: shared.WeightDecay = _USUAL.weight_decay
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
    align: Annotated[float, _weight("Contrast of words and regions.")] = _WEIGHTS.align
    match: Annotated[float, _weight("The right one among hard negatives.")] = _WEIGHTS.match
    binary: Annotated[float, _weight("Whether a pair belongs together.")] = _WEIGHTS.binary
    twins: Annotated[float, _weight("The caption, not one with two words exchanged.")] = (
        _WEIGHTS.twins
    )
    words: Annotated[float, _weight("Masked words.")] = _WEIGHTS.words
    regions: Annotated[float, _weight("Masked regions.")] = _WEIGHTS.regions
    arrangement: Annotated[
        Arrangement,
        typer.Option(help="How words and regions meet.", rich_help_panel=NETWORK),
    ] = _USUAL_ARRANGEMENT
    width: Annotated[int, _size("Width where they meet.")] = _SIZES.width
    language_layers: Annotated[int, _size("Layers over words alone.")] = _SIZES.language_layers
    region_layers: Annotated[int, _size("Layers over regions alone.")] = _SIZES.region_layers
    cross_layers: Annotated[int, _size("Layers in which they meet.")] = _SIZES.cross_layers
    grid: Annotated[int, _size("Rows and columns of regions.")] = _SIZES.rows
    channels: Annotated[int, _size("Bytes of a region.")] = _SIZES.channels
    validate_steps: Annotated[
        int, typer.Option(metavar="N", help="Validate every N steps.", rich_help_panel=RUN)
    ] = _USUAL.validate_steps
    depth: Annotated[
        int,
        typer.Option(metavar="N", help="First hits reranked in validation.", rich_help_panel=RUN),
    ] = _USUAL.depth
    seed: shared.Seed = _USUAL.seed
    resume: shared.Resume = _USUAL.resume
    amp: shared.MixedPrecision = True
    checkpoint_steps: shared.CheckpointSteps = _USUAL.checkpoint_steps
    workers: shared.Workers = None
    json: shared.ResultAsJson = False


@command_of(TrainRerankerCommand)
def command(session: Session, asked: TrainRerankerCommand) -> None:
    """Train a cross encoder that reads words and picture regions together, for one model.

    The result reorders that model's first results: give its directory to --reranker, or put it
    at MODEL/reranker. Ctrl-C keeps a checkpoint; the same command goes on from there. Train it on
    pictures that the model itself has not learned from, where you have them.
    """
    from mmsearch.cli.progress import live_line
    from mmsearch.cli.reranker_report import RerankerProgress, result_json, result_text
    from mmsearch.cli.reranker_settings import dual_data, reranker_config
    from mmsearch.cli.run_report import end_of_run
    from mmsearch.training.reranker import train_reranker_for

    data = dual_data(session, asked)
    config = reranker_config(session, asked)
    with live_line(quiet=session.quiet) as line:
        progress = RerankerProgress(line, quiet=session.quiet)
        result = train_reranker_for(data, config, asked.out, progress)
    end_of_run(
        session,
        json=result_json(result) if asked.json else None,
        summary=lambda: result_text(result),
        interrupted=result.interrupted,
    )
