"""What a training run tells while it runs, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mmsearch.evaluation.report import RetrievalMetrics, SkippedPicture


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One epoch. `epoch` 0 is the model before training, with a loss of 0.

    `metrics` are of the validation pictures; `scale` is the temperature's inverse; `lr` is the
    head's learning rate at the epoch's end.
    """

    epoch: int
    loss: float
    scale: float
    lr: float
    seconds: float
    metrics: RetrievalMetrics


@dataclass(frozen=True, slots=True)
class TrainResult:
    """A finished (or interrupted) run; `out` holds the weights of `best`."""

    out: Path
    best: EpochRecord
    epochs: tuple[EpochRecord, ...]
    skipped: tuple[SkippedPicture, ...]
    seconds: float
    interrupted: bool = False

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights were kept; 0 when training improved nothing."""
        return self.best.epoch

    @property
    def before(self) -> EpochRecord:
        """Validation before the first step."""
        return self.epochs[0]


class RunListener(Protocol):
    """Whoever is told what a run of any kind does before its first step."""

    def on_message(self, text: str) -> None:
        """One line on what is about to happen."""

    def on_warning(self, text: str) -> None:
        """One line on something that the user may want to mend."""

    def on_pictures(self, done: int, total: int) -> None:
        """Pictures decoded so far."""


class TrainListener(RunListener, Protocol):
    """Whoever shows a run's progress."""

    def on_step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        """Step `step` of `steps` of the epoch is done; both count from 1."""

    def on_epoch(self, record: EpochRecord) -> None:
        """An epoch was validated."""


class SilentTraining:
    """A `TrainListener` that shows nothing; override what you want to see."""

    def on_message(self, text: str) -> None:
        """Ignore it."""

    def on_warning(self, text: str) -> None:
        """Ignore it."""

    def on_pictures(self, done: int, total: int) -> None:
        """Ignore it."""

    def on_step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        """Ignore it."""

    def on_epoch(self, record: EpochRecord) -> None:
        """Ignore it."""
