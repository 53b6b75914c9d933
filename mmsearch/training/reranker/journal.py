"""What the training of a cross encoder leaves behind to read: log, summary, learning curve."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.evaluation.report import RetrievalMetrics
from mmsearch.training.journal import CURVE, LOG, SUMMARY, write_file
from mmsearch.training.reranker.config import RerankerTrainConfig
from mmsearch.training.reranker.examples import Examples
from mmsearch.training.reranker.records import Lift, Losses, RerankerResult, RerankRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DECIMALS = 6


def write_log(out: Path, records: Sequence[RerankRecord]) -> None:
    """One JSON object a validation; written whole, so that a resumed run repeats no line."""
    lines = [json.dumps(record_json(record)) + "\n" for record in records]
    write_file(out / LOG, "".join(lines))


def write_summary(result: RerankerResult, config: RerankerTrainConfig, examples: Examples) -> None:
    """The run in one JSON object: settings, sizes, before, best, and as written."""
    summary = {
        "config": asdict(config),
        "dual": examples.dual,
        "n_train": sum(len(pool.pictures) for pool in examples.train),
        "n_val": len(examples.val[0].pictures),
        "n_skipped": len(result.skipped),
        "seconds": round(result.seconds, 3),
        "best_step": result.best.step,
        "before": record_json(result.records[0]),
        "best": record_json(result.best),
        "final": [lift_json(lift) for lift in result.final],
    }
    write_file(result.out / SUMMARY, json.dumps(summary, indent=2, default=str) + "\n")


def record_json(record: RerankRecord) -> dict[str, object]:
    """One validation for programs."""
    return {
        "step": record.step,
        "loss": _losses(record.loss),
        "val_loss": _losses(record.val_loss),
        "lr": record.lr,
        "seconds": round(record.seconds, 3),
        "lifts": [lift_json(lift) for lift in record.lifts],
    }


def lift_json(lift: Lift) -> dict[str, object]:
    """What reranking brings on one set, for programs; recalls in percent."""
    return {
        "set": lift.name,
        "points": round(lift.points, 4),
        "fusion": asdict(lift.fusion),
        "dual": _metrics(lift.dual),
        "reranked": _metrics(lift.reranked),
        "alone": _metrics(lift.alone),
    }


def write_curve(out: Path, records: Sequence[RerankRecord]) -> None:
    """The learning curve as PNG: each objective's losses, and recall before and after."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    FigureCanvasAgg(figure)
    losses, recalls = figure.subplots(1, 2)
    for place, (name, _) in enumerate(records[0].val_loss.named()):
        colour = f"C{place}"
        known = [r for r in records if getattr(r.val_loss, name) is not None]
        values = [getattr(record.val_loss, name) for record in known]
        losses.plot([r.step for r in known], values, color=colour, marker="o", label=name)
        known = [r for r in records if getattr(r.loss, name) is not None]
        values = [getattr(record.loss, name) for record in known]
        losses.plot([r.step for r in known], values, color=colour, linestyle=":", alpha=0.7)
    losses.set(xlabel="step", ylabel="loss (line: validation, dotted: training)", ylim=0)
    _plot_recalls(recalls, records)
    for axes in (losses, recalls):
        axes.legend()
        axes.grid(visible=True, alpha=0.3)
    figure.savefig(out / CURVE, dpi=120)


def _plot_recalls(axes: Axes, records: Sequence[RerankRecord]) -> None:
    """R@1 of the deciding set, dashed: by the dual encoder alone."""
    steps = [record.step for record in records]
    ways = (("text → image", "text_to_image"), ("image → text", "image_to_text"))
    for place, (name, key) in enumerate(ways):
        after = [getattr(record.lift.reranked, key).r_at(1) for record in records]
        before = [getattr(record.lift.dual, key).r_at(1) for record in records]
        axes.plot(steps, after, color=f"C{place}", marker="o", label=f"{name} R@1")
        axes.plot(steps, before, color=f"C{place}", linestyle="--")
    axes.set(xlabel="step", ylabel="validation recall (%; dashed: not reranked)")


def _losses(losses: Losses) -> dict[str, float]:
    return {name: round(value, _DECIMALS) for name, value in losses.named()}


def _metrics(metrics: RetrievalMetrics) -> dict[str, object]:
    return {
        "text_to_image": metrics.text_to_image.to_dict(),
        "image_to_text": metrics.image_to_text.to_dict(),
        "rsum": round(metrics.rsum, 4),
    }
