"""What the training of a cross encoder tells while it runs, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol, cast

from mmsearch.evaluation.report import RetrievalMetrics, SkippedPicture
from mmsearch.rerank_types import Fusion
from mmsearch.training.checkpoint import saved_metrics
from mmsearch.training.records import RunListener


@dataclass(frozen=True, slots=True)
class Losses:
    """Each objective's loss, not weighted; None = left out."""

    align: float | None = None
    match: float | None = None
    binary: float | None = None
    twins: float | None = None
    words: float | None = None
    regions: float | None = None

    @classmethod
    def mean(cls, many: Sequence[Losses]) -> Losses:
        """The mean of each objective over those that have it."""
        means: dict[str, float] = {}
        for name in (field.name for field in fields(cls)):
            values = [value for losses in many if (value := getattr(losses, name)) is not None]
            if values:
                means[name] = sum(values) / len(values)
        return cls(**means)

    def named(self) -> list[tuple[str, float]]:
        """The objectives there are, with their losses."""
        pairs = [(field.name, getattr(self, field.name)) for field in fields(self)]
        return [(name, value) for name, value in pairs if value is not None]


@dataclass(frozen=True, slots=True)
class Lift:
    """What reranking brings on one validation set.

    `dual` and `reranked` are of the same queries, and `fusion` how logits and cosines were put
    together; `alone` is by the logits without the cosines. `weight` is how much the set counts.
    """

    name: str
    weight: float
    dual: RetrievalMetrics
    reranked: RetrievalMetrics
    alone: RetrievalMetrics
    fusion: Fusion

    @property
    def points(self) -> float:
        """Points of text-to-image R@1, in percent."""
        return self.reranked.text_to_image.r_at(1) - self.dual.text_to_image.r_at(1)

    @property
    def score(self) -> float:
        """R@1 of both ways after reranking, in percent."""
        return self.reranked.text_to_image.r_at(1) + self.reranked.image_to_text.r_at(1)


@dataclass(frozen=True, slots=True)
class RerankRecord:
    """One validation, after `step` steps; step 0 is the start.

    `loss` is the mean over the steps since the last record, `val_loss` over validation batches;
    `lr` the learning rate of the last step; `lifts` has one entry a validation set. `seconds`
    are since the last record.
    """

    step: int
    loss: Losses
    val_loss: Losses
    lr: float
    seconds: float
    lifts: tuple[Lift, ...]

    @property
    def lift(self) -> Lift:
        """What reranking brings on the first set."""
        return self.lifts[0]

    @property
    def score(self) -> float:
        """What the best weights have most of: the sets' scores, by their weights."""
        return sum(lift.weight * lift.score for lift in self.lifts)


@dataclass(frozen=True, slots=True)
class RerankerResult:
    """A finished (or interrupted) run; `out` holds the weights of `best`.

    `final` is measured on what was written, with more queries; empty where it was interrupted.
    """

    out: Path
    best: RerankRecord
    records: tuple[RerankRecord, ...]
    final: tuple[Lift, ...]
    seconds: float
    skipped: tuple[SkippedPicture, ...] = ()
    interrupted: bool = False

    @property
    def lift(self) -> Lift:
        """The best figures there are of the first validation set."""
        return (self.final or self.best.lifts)[0]


class RerankerListener(RunListener, Protocol):
    """Whoever shows the progress of a cross encoder's training."""

    def on_step(self, step: int, steps: int, losses: Losses) -> None:
        """Step `step` of `steps` is done; it counts from 1."""

    def on_record(self, record: RerankRecord) -> None:
        """A validation is done."""


class SilentReranker:
    """A `RerankerListener` that shows nothing; override what you want to see."""

    def on_message(self, text: str) -> None:
        """Ignore it."""

    def on_warning(self, text: str) -> None:
        """Ignore it."""

    def on_pictures(self, done: int, total: int) -> None:
        """Ignore it."""

    def on_step(self, step: int, steps: int, losses: Losses) -> None:
        """Ignore it."""

    def on_record(self, record: RerankRecord) -> None:
        """Ignore it."""


def saved_record(entry: Mapping[str, object]) -> RerankRecord:
    """The record that `asdict` took apart."""
    values = dict(entry)
    for name in ("loss", "val_loss"):
        values[name] = Losses(**cast("dict[str, float | None]", values[name]))
    lifts = cast("Sequence[Mapping[str, object]]", values.pop("lifts"))
    return RerankRecord(
        lifts=tuple(_saved_lift(lift) for lift in lifts),
        **values,  # type: ignore[arg-type]  # asdict's own fields
    )


def _saved_lift(entry: Mapping[str, object]) -> Lift:
    return Lift(
        name=str(entry["name"]),
        weight=cast("float", entry["weight"]),
        dual=saved_metrics(entry["dual"]),
        reranked=saved_metrics(entry["reranked"]),
        alone=saved_metrics(entry["alone"]),
        fusion=Fusion(**cast("dict[str, float]", entry["fusion"])),
    )
