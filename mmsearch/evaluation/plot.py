"""The recall curve as a picture; matplotlib is imported only when one is drawn."""

from __future__ import annotations

from pathlib import Path

from mmsearch.evaluation.report import EvaluationReport


def write_plot(report: EvaluationReport, path: Path) -> None:
    """Write R@k over k, both ways, as the picture format that `path` ends in (PNG, SVG, PDF)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # No pyplot: it keeps figures in global state and looks for a display.
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    ways = (("text → image", report.text_to_image), ("image → text", report.image_to_text))
    for label, recalls in ways:
        ks = range(1, len(recalls.curve) + 1)
        axes.plot(ks, recalls.curve, label=f"{label} (R@1 {recalls.r_at(1):.1f})")
    axes.set(xlabel="K", ylabel="R@K (%)", xscale="log", ylim=(0, 100))
    axes.set_title(f"{report.model} on {report.dataset} {report.split}: {report.n_images} pictures")
    ticks = [k for k in (1, 2, 5, 10, 20, 50, 100) if k <= len(report.text_to_image.curve)]
    axes.set_xticks(ticks, [str(k) for k in ticks])
    axes.minorticks_off()
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=120)
