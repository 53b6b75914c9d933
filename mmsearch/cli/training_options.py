"""Options that several commands on captioned pictures have; defaults are each command's own."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

DATA, LEARNING, RUN = "Data", "Learning", "Run"


class Augment(StrEnum):
    """How much pictures are varied."""

    NONE = "none"
    LIGHT = "light"
    STRONG = "strong"


CaptionFile: TypeAlias = Annotated[
    Path, typer.Argument(metavar="DATA", help="Captions: Karpathy or COCO JSON, CSV, TSV, JSONL.")
]
PictureFolder: TypeAlias = Annotated[
    Path, typer.Option(metavar="DIR", help="The folder that the captions' file names start in.")
]

TrainSplit: TypeAlias = Annotated[
    str, typer.Option(metavar="NAME", help="Split to learn from.", rich_help_panel=DATA)
]
ValSplit: TypeAlias = Annotated[
    str | None, typer.Option(metavar="NAME", help="Split to validate on.", rich_help_panel=DATA)
]
ValFraction: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="F", help="Share held out where there is no such split.", rich_help_panel=DATA
    ),
]
ValLimit: TypeAlias = Annotated[
    int, typer.Option(metavar="N", help="Validate on N pictures at most.", rich_help_panel=DATA)
]
Restval: TypeAlias = Annotated[
    bool, typer.Option("--restval", help="Learn from Karpathy's restval too.", rich_help_panel=DATA)
]
AugmentChoice: TypeAlias = Annotated[
    Augment, typer.Option(help="How much pictures are varied.", rich_help_panel=DATA)
]

MaxMinutes: TypeAlias = Annotated[
    float | None,
    typer.Option(metavar="M", help="Fit the schedule into this time.", rich_help_panel=LEARNING),
]
PeakRate: TypeAlias = Annotated[
    float, typer.Option(metavar="R", help="Peak learning rate.", rich_help_panel=LEARNING)
]
WeightDecay: TypeAlias = Annotated[
    float, typer.Option(metavar="W", help="AdamW's.", rich_help_panel=LEARNING)
]

Seed: TypeAlias = Annotated[
    int, typer.Option(metavar="N", help="Decides all that is random.", rich_help_panel=RUN)
]
Resume: TypeAlias = Annotated[
    bool,
    typer.Option("--resume/--restart", help="Go on with an unfinished run.", rich_help_panel=RUN),
]
MixedPrecision: TypeAlias = Annotated[
    bool,
    typer.Option("--amp/--no-amp", help="Mixed precision where it helps.", rich_help_panel=RUN),
]
CheckpointSteps: TypeAlias = Annotated[
    int,
    typer.Option(
        metavar="N", help="Save the state every N steps; 0: every two minutes.", rich_help_panel=RUN
    ),
]
Workers: TypeAlias = Annotated[
    int | None,
    typer.Option(metavar="N", help="Processes that decode pictures.", rich_help_panel=RUN),
]
ResultAsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Write the result as JSON.", rich_help_panel=RUN)
]
