"""Shows how the training of a reranker goes, and what came of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from mmsearch.cli.run_report import RunProgress, metrics_json, skipped_text
from mmsearch.cli.wording import duration_text, shown

if TYPE_CHECKING:
    from mmsearch.cli.json_shapes import Json
    from mmsearch.training.reranker.records import Lift, Losses, RerankerResult, RerankRecord


class RerankerProgress(RunProgress):
    """Tells the live line about steps, and writes a line for each validation."""

    def on_step(self, step: int, steps: int, losses: Losses) -> None:
        """Move the bar of steps."""
        self._line.show("training", step, steps, losses_text(losses))

    def on_record(self, record: RerankRecord) -> None:
        """Write the validation's recalls."""
        self._note(record_text(record))


def losses_text(losses: Losses) -> str:
    """All losses in one line: `align 1.234  match 0.567`."""
    return "  ".join(f"{name} {value:.3f}" for name, value in losses.named())


def record_text(record: RerankRecord) -> str:
    """One validation in one line; step 0 is the start."""
    when = f"step {record.step:<5}" if record.step else "before    "
    line = f"{when} {lift_text(record.lift)}   {losses_text(record.val_loss)}"
    return f"{line}   {duration_text(record.seconds)}" if record.step else line


def lift_text(lift: Lift) -> str:
    """R@1 of both ways, before and after: `R@1 32.2 → 36.0 text → image   …`."""
    ways = (
        (lift.dual.text_to_image, lift.reranked.text_to_image, "text → image"),
        (lift.dual.image_to_text, lift.reranked.image_to_text, "image → text"),
    )
    return "   ".join(
        f"R@1 {before.r_at(1):5.1f} → {after.r_at(1):5.1f} {name}" for before, after, name in ways
    )


def result_text(result: RerankerResult) -> str:
    """The run's end in one line."""
    lift = result.lift
    return (
        f"{shown(result.out)}: step {result.best.step} kept, {lift_text(lift)}, "
        f"{duration_text(result.seconds)}{skipped_text(result.skipped)}"
    )


def result_json(result: RerankerResult) -> Json:
    """The run's end for programs: recalls in percent, before and after reranking."""
    lift = result.lift
    return {
        "out": str(result.out),
        "best_step": result.best.step,
        "dual": metrics_json(lift.dual),
        "reranked": metrics_json(lift.reranked),
        "measured_lift": round(lift.points, 4),
        "fusion": asdict(lift.fusion),
        "skipped": len(result.skipped),
        "seconds": round(result.seconds, 3),
        "interrupted": result.interrupted,
    }
