"""Shows how the training of a reranker goes, and what came of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from mmsearch.cli.output import write_note
from mmsearch.cli.wording import count_text, duration_text, shown

if TYPE_CHECKING:
    from mmsearch.cli.json_shapes import Json
    from mmsearch.cli.progress import SilentLine
    from mmsearch.training.reranker.records import Lift, Losses, RerankerResult, RerankRecord


class RerankerProgress:
    """Tells the live line about steps, and writes a line for each validation."""

    def __init__(self, line: SilentLine, *, quiet: bool) -> None:
        self._line = line
        self._quiet = quiet

    def on_message(self, text: str) -> None:
        """Write one line on what is about to happen."""
        self._note(text)

    def on_warning(self, text: str) -> None:
        """Write what the user may want to mend, even if quiet."""
        write_note(f"mmsearch: warning: {text}")

    def on_pictures(self, done: int, total: int) -> None:
        """Move the bar of pictures."""
        self._line.show("reading pictures", done, total)

    def on_step(self, step: int, steps: int, losses: Losses) -> None:
        """Move the bar of steps."""
        self._line.show("training", step, steps, losses_text(losses))

    def on_record(self, record: RerankRecord) -> None:
        """Write the validation's recalls."""
        self._note(record_text(record))

    def _note(self, text: str) -> None:
        if not self._quiet:
            write_note(text)


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
    skipped = f"; {count_text(len(result.skipped), 'pair')} skipped" if result.skipped else ""
    return (
        f"{shown(result.out)}: step {result.best.step} kept, {lift_text(lift)}, "
        f"{duration_text(result.seconds)}{skipped}"
    )


def result_json(result: RerankerResult) -> Json:
    """The run's end for programs: recalls in percent, before and after reranking."""
    lift = result.lift
    return {
        "out": str(result.out),
        "best_step": result.best.step,
        "dual": _recalls_json(lift, reranked=False),
        "reranked": _recalls_json(lift, reranked=True),
        "measured_lift": round(lift.points, 4),
        "fusion": asdict(lift.fusion),
        "skipped": len(result.skipped),
        "seconds": round(result.seconds, 3),
        "interrupted": result.interrupted,
    }


def _recalls_json(lift: Lift, *, reranked: bool) -> Json:
    metrics = lift.reranked if reranked else lift.dual
    return {
        "text_to_image": metrics.text_to_image.to_dict(),
        "image_to_text": metrics.image_to_text.to_dict(),
        "rsum": round(metrics.rsum, 4),
    }
