"""Shows how a training run goes, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmsearch.cli.run_report import RunProgress, metrics_json, skipped_text
from mmsearch.cli.wording import duration_text, shown

if TYPE_CHECKING:
    from mmsearch.cli.json_shapes import Json
    from mmsearch.training import EpochRecord, TrainResult


class TrainingProgress(RunProgress):
    """Tells the live line about steps, and writes a line for each epoch."""

    def on_step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        """Move the bar of steps."""
        self._line.show(f"epoch {epoch}", step, steps, f"loss {loss:.3f}")

    def on_epoch(self, record: EpochRecord) -> None:
        """Write the epoch's validation recalls."""
        self._note(epoch_text(record))


def epoch_text(record: EpochRecord) -> str:
    """One epoch in one line; epoch 0 is the model before training."""
    to_image, to_text = record.metrics.text_to_image, record.metrics.image_to_text
    recalls = (
        f"R@1 {to_image.r_at(1):5.1f}  R@10 {to_image.r_at(10):5.1f} text → image   "
        f"R@1 {to_text.r_at(1):5.1f}  R@10 {to_text.r_at(10):5.1f} image → text"
    )
    if record.epoch == 0:
        return f"before    {recalls}"
    times = f"loss {record.loss:.3f}  {duration_text(record.seconds)}"
    return f"epoch {record.epoch:<3} {recalls}   {times}"


def result_text(result: TrainResult) -> str:
    """The run's end in one line."""
    kept = (
        f"epoch {result.best_epoch} kept" if result.best_epoch else "nothing improved on the start"
    )
    took = duration_text(result.seconds)
    return f"{shown(result.out)}: {kept}, {took}{skipped_text(result.skipped)}"


def result_json(result: TrainResult) -> Json:
    """The run's end for programs: recalls in percent, before and after."""
    return {
        "out": str(result.out),
        "best_epoch": result.best_epoch,
        "before": _record_json(result.before),
        "best": _record_json(result.best),
        "skipped": len(result.skipped),
        "seconds": round(result.seconds, 3),
        "interrupted": result.interrupted,
    }


def _record_json(record: EpochRecord) -> Json:
    """One epoch's validation."""
    return {"epoch": record.epoch, **metrics_json(record.metrics)}
