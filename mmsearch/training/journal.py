"""What a run leaves behind to read: log, summary, learning curve, skipped pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from mmsearch.evaluation.report import SkippedPicture
from mmsearch.training.config import TrainConfig
from mmsearch.training.records import EpochRecord, TrainResult

LOG, SUMMARY, CURVE, SKIPPED = "log.jsonl", "summary.json", "curve.png", "skipped.jsonl"
_DECIMALS = 6


def write_log(out: Path, records: Sequence[EpochRecord]) -> None:
    """One JSON object an epoch; written whole, so that a resumed run repeats no line."""
    lines = [json.dumps(_epoch(record)) + "\n" for record in records]
    write_file(out / LOG, "".join(lines))


def write_summary(result: TrainResult, config: TrainConfig, n_pictures: tuple[int, int]) -> None:
    """The run in one JSON object: settings, sizes, before and best."""
    summary = {
        "config": asdict(config),
        "n_train": n_pictures[0],
        "n_val": n_pictures[1],
        "n_skipped": len(result.skipped),
        "seconds": round(result.seconds, 3),
        "best_epoch": result.best_epoch,
        "before": _epoch(result.before),
        "best": _epoch(result.best),
    }
    write_file(result.out / SUMMARY, json.dumps(summary, indent=2, default=str) + "\n")


def write_skipped(out: Path, skipped: Sequence[SkippedPicture]) -> None:
    """One JSON object for each picture left out; no file if there is none."""
    if skipped:
        lines = [json.dumps({"path": str(s.path), "reason": s.reason}) + "\n" for s in skipped]
        write_file(out / SKIPPED, "".join(lines))


def write_curve(out: Path, records: Sequence[EpochRecord]) -> None:
    """The learning curve as PNG: loss, and validation recall both ways."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    FigureCanvasAgg(figure)
    losses, recalls = figure.subplots(1, 2)
    trained = [record for record in records if record.epoch > 0]
    losses.plot([r.epoch for r in trained], [r.loss for r in trained], marker="o")
    losses.set(xlabel="epoch", ylabel="training loss (InfoNCE)")
    epochs = [record.epoch for record in records]
    for k in (1, 10):
        forward = [record.metrics.text_to_image.r_at(k) for record in records]
        back = [record.metrics.image_to_text.r_at(k) for record in records]
        recalls.plot(epochs, forward, marker="o", label=f"text → image R@{k}")
        recalls.plot(epochs, back, marker="s", linestyle="--", label=f"image → text R@{k}")
    recalls.set(xlabel="epoch (0 = before training)", ylabel="validation recall (%)", ylim=0)
    recalls.legend()
    for axes in (losses, recalls):
        axes.grid(visible=True, alpha=0.3)
    figure.savefig(out / CURVE, dpi=120)


def _epoch(record: EpochRecord) -> dict[str, object]:
    return {
        "epoch": record.epoch,
        "loss": round(record.loss, _DECIMALS),
        "scale": round(record.scale, _DECIMALS),
        "lr": record.lr,
        "seconds": round(record.seconds, 3),
        "text_to_image": record.metrics.text_to_image.to_dict(),
        "image_to_text": record.metrics.image_to_text.to_dict(),
        "rsum": round(record.metrics.rsum, 4),
    }


def write_file(path: Path, text: str) -> None:
    """Replace a text file atomically."""
    beside = path.with_name(f".{path.name}")
    beside.write_text(text, "utf-8")
    beside.replace(path)
