"""Writes what a benchmark measured: JSON with everything needed to read it later."""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

RESULTS = Path(os.environ.get("BENCHMARK_RESULTS") or Path(__file__).parent / "results")
"""Where results go; a quick run of all benchmarks keeps them apart from the full ones."""
PACKAGES = (
    *("mmsearch", "torch", "faiss-gpu", "faiss-cpu", "openvino", "pillow", "sqlalchemy"),
    *("fastapi", "uvicorn", "httptools", "onnxruntime"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a benchmark's table: a name, a median and its unit.

    `at_least` or `at_most` is the bar that it is held against, where there is one.
    """

    name: str
    value: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def bar(self) -> str:
        """The bar in words, "" where there is none."""
        if self.at_least is not None:
            return f">= {self.at_least:g}"
        return "" if self.at_most is None else f"<= {self.at_most:g}"

    @property
    def holds(self) -> bool:
        """Whether the value is on the right side of its bar."""
        low = -math.inf if self.at_least is None else self.at_least
        high = math.inf if self.at_most is None else self.at_most
        return bool(low <= self.value <= high)  # of NumPy's numbers, too

    def as_json(self) -> dict[str, str | float | bool]:
        """What the result file keeps of this line."""
        kept: dict[str, str | float | bool]
        kept = {"name": self.name, "value": self.value, "unit": self.unit}
        return {**kept, "bar": self.bar, "holds": self.holds} if self.bar else kept


def record(name: str, question: str, parameters: dict[str, object], rows: list[Row]) -> Path:
    """Path of the JSON written for one benchmark; the table is printed."""
    print(question)
    width = max(len(row.name) for row in rows)
    for row in rows:
        verdict = f"  (bar {row.bar}: {'holds' if row.holds else 'MISSED'})" if row.bar else ""
        print(f"  {row.name:<{width}}  {row.value:10.3f} {row.unit}{verdict}")
    RESULTS.mkdir(exist_ok=True, parents=True)
    path = RESULTS / f"{name}.json"
    content = {
        "question": question,
        "commit": _commit(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": _versions(),
        "parameters": parameters,
        "rows": [row.as_json() for row in rows],
    }
    path.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    return path


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
