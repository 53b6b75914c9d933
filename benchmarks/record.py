"""Writes what a benchmark measured: JSON with everything needed to read it later."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
PACKAGES = (
    *("mmsearch", "torch", "faiss-gpu", "faiss-cpu", "openvino", "pillow", "sqlalchemy"),
    *("fastapi", "uvicorn", "httptools"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a benchmark's table: a name, a median and its unit."""

    name: str
    value: float
    unit: str


def record(name: str, question: str, parameters: dict[str, object], rows: list[Row]) -> Path:
    """Path of the JSON written for one benchmark; the table is printed."""
    print(question)
    width = max(len(row.name) for row in rows)
    for row in rows:
        print(f"  {row.name:<{width}}  {row.value:10.3f} {row.unit}")
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    content = {
        "question": question,
        "commit": _commit(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": _versions(),
        "parameters": parameters,
        "rows": [{"name": row.name, "value": row.value, "unit": row.unit} for row in rows],
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
