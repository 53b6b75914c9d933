"""Plots of what was measured, beside the JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import record


def bar_plot(name: str, title: str, values: Mapping[str, float], unit: str) -> Path:
    """Path of a PNG with one horizontal bar a name, in the order given."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 0.9 + 0.38 * len(values)), layout="constrained")
    axes = figure.subplots()
    names = list(values)[::-1]
    drawn = axes.barh(names, [values[name] for name in names], color="#4269d0")
    axes.bar_label(drawn, fmt="%.3g", padding=4)
    axes.margins(x=0.15)
    axes.set_xlabel(unit)
    axes.set_title(title, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    return _save(figure, name)


def line_plot(
    name: str,
    title: str,
    lines: Mapping[str, Sequence[tuple[float, float]]],
    labels: tuple[str, str],
) -> Path:
    """Path of a PNG with one line a name over two logarithmic axes, `labels` of x and y."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, 4.5), layout="constrained")
    axes = figure.subplots()
    for line, points in lines.items():
        xs, ys = zip(*points, strict=True)
        axes.plot(xs, ys, marker="o", markersize=4, label=line)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.set_title(title, fontsize=10)
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1, 1))
    return _save(figure, name)


def _save(figure: object, name: str) -> Path:
    record.RESULTS.mkdir(exist_ok=True, parents=True)
    path = record.RESULTS / f"{name}.png"
    figure.savefig(path, dpi=110)  # type: ignore[attr-defined]  # matplotlib ships no types here
    return path
