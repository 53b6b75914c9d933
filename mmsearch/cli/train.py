"""`mmsearch train`: train or fine-tune a dual encoder on captioned pictures."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from mmsearch.cli import training_options as shared
from mmsearch.cli.help import Example
from mmsearch.cli.options import command_of
from mmsearch.cli.session import Session
from mmsearch.cli.training_options import DATA, LEARNING
from mmsearch.training.config import TrainConfig

EXAMPLES = (
    Example(
        "mmsearch train captions.csv --images photos --out tuned",
        "fine-tune the default model; then: mmsearch index photos --model tuned",
    ),
    Example(
        "mmsearch train captions.csv --images photos --out tuned --max-minutes 20 --lock-text 0",
        "in twenty minutes, the text tower as it is",
    ),
)
_USUAL = TrainConfig(data=Path(), images=Path(), out=Path())
"""Where the defaults below come from, so that help and training cannot disagree."""

TOWERS = "Towers"

_USUAL_AUGMENT = shared.Augment(_USUAL.augment)


@dataclass(frozen=True, slots=True)
class TrainCommand:
    """What to learn from, how, and where to; names and defaults are those of TrainConfig."""

    data: shared.CaptionFile
    images: shared.PictureFolder
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the model directory, log and plot go.")
    ]
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR|CONFIG",
            help="What to start from; an open_clip config (.json) starts from random weights.",
        ),
    ] = None
    train_split: shared.TrainSplit = _USUAL.train_split
    val_split: shared.ValSplit = _USUAL.val_split
    val_fraction: shared.ValFraction = _USUAL.val_fraction
    val_limit: shared.ValLimit = _USUAL.val_limit
    restval: shared.Restval = False
    captions_per_image: Annotated[
        int,
        typer.Option(metavar="N", help="Captions of each picture in a step.", rich_help_panel=DATA),
    ] = _USUAL.captions_per_image
    augment: shared.AugmentChoice = _USUAL_AUGMENT
    epochs: Annotated[
        int,
        typer.Option(metavar="N", help="Passes over the pictures.", rich_help_panel=LEARNING),
    ] = _USUAL.epochs
    max_minutes: shared.MaxMinutes = None
    batch_size: Annotated[
        int, typer.Option(metavar="N", help="Pictures in a step.", rich_help_panel=LEARNING)
    ] = _USUAL.batch_size
    chunk: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Pictures in a pass, for batches beyond memory (gradient caching); 0: all.",
            rich_help_panel=LEARNING,
        ),
    ] = None
    lr: shared.PeakRate = _USUAL.lr
    warmup: Annotated[
        float,
        typer.Option(
            metavar="F", help="Share of the run in which it rises.", rich_help_panel=LEARNING
        ),
    ] = _USUAL.warmup
    weight_decay: shared.WeightDecay = _USUAL.weight_decay
    ema: Annotated[
        float | None,
        typer.Option(metavar="D", help="Keep an average of the weights.", rich_help_panel=LEARNING),
    ] = None
    lock_image: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Train only the last N groups of the image tower; 0 locks it, -1 trains all. "
            "Not given: the last two on a CPU, all on a GPU.",
            rich_help_panel=TOWERS,
        ),
    ] = None
    lock_text: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="The same for the text tower; all if not given.",
            rich_help_panel=TOWERS,
        ),
    ] = None
    layer_decay: Annotated[
        float,
        typer.Option(
            metavar="F", help="Factor on the rate per group from the head.", rich_help_panel=TOWERS
        ),
    ] = _USUAL.layer_decay
    seed: shared.Seed = _USUAL.seed
    resume: shared.Resume = _USUAL.resume
    amp: shared.MixedPrecision = True
    checkpoint_steps: shared.CheckpointSteps = _USUAL.checkpoint_steps
    workers: shared.Workers = None
    json: shared.ResultAsJson = False


@command_of(TrainCommand)
def command(session: Session, asked: TrainCommand) -> None:
    """Train or fine-tune a model by contrast: a picture and its caption together, others apart.

    The result is a model directory in open_clip's format, for --model of every command. Ctrl-C
    keeps a checkpoint; the same command goes on from there. Bad pairs are listed and skipped.
    """
    from mmsearch.cli.progress import live_line
    from mmsearch.cli.run_report import end_of_run
    from mmsearch.cli.training_report import TrainingProgress, result_json, result_text
    from mmsearch.training import train

    config = train_config(session, asked)
    with live_line(quiet=session.quiet) as line:
        result = train(config, TrainingProgress(line, quiet=session.quiet))
    end_of_run(
        session,
        json=result_json(result) if asked.json else None,
        summary=lambda: result_text(result),
        interrupted=result.interrupted,
    )


def train_config(session: Session, asked: TrainCommand) -> TrainConfig:
    """The configuration that the command and the settings make up.

    Raises:
        ConfigError: A setting is unknown or does not fit.
    """
    from mmsearch.config import DEFAULT_MODEL
    from mmsearch.media.decode_limits import limits_of

    settings = session.settings(model=asked.model, decode_workers=asked.workers)
    elsewhere = {"model", "workers", "json", "amp", "augment"}
    names = {field.name for field in dataclasses.fields(TrainCommand)} - elsewhere
    return dataclasses.replace(
        _USUAL,
        **{name: getattr(asked, name) for name in names},
        model=settings.model or DEFAULT_MODEL,
        augment=asked.augment.value,
        amp="auto" if asked.amp else "off",
        cache_dir=settings.cache,
        device=settings.device,
        decode_workers=settings.decode_workers,
        limits=limits_of(settings),
    )
