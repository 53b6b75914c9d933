"""Which bars hold? Runs every benchmark that runs unattended, one after the other."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

BENCHMARKS = (
    "start_up",
    "decode_speed",
    "encoder_alone",
    "stage_shares",
    "index_rate",
    "file_to_embedding",
    "rerun",
    "index_growth",
    "cold_query",
    "query_latency",
    "exact_scan",
    "recipe_recall",
    "vector_search",
    "index_startup",
    "ten_million",
    "batched_search",
    "rerank_latency",
    "serve_load",
    "relevance",
    "killed_runs",
    "gpu_encoder",
    "gpu_search",
    "gpu_files",
)
"""In this order; those that train models or drive a browser are run by hand."""
RESULTS = Path(__file__).parent / "results"
QUICK = RESULTS / "quick"
"""A quick run proves that all of it runs; its numbers are not kept among the others."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one benchmark: seconds, and the last words of one that did not finish."""

    name: str
    seconds: float
    trouble: str | None


def run_one(name: str, arguments: list[str], results: Path) -> Outcome:
    """The outcome of one benchmark in a process of its own; its table is shown as it comes."""
    root = Path(__file__).parents[1]
    path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "BENCHMARK_RESULTS": str(results), "PYTHONPATH": path}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *arguments],
        cwd=root,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    lines = done.stderr.strip().splitlines()
    return Outcome(name, seconds, (lines or ["no word"])[-1] if done.returncode else None)


def bars(outcomes: list[Outcome], results: Path) -> list[tuple[str, str, bool]]:
    """Benchmark and line, value and bar, and whether it holds; for every line with a bar."""
    found = []
    for outcome in outcomes:
        if outcome.trouble is not None:
            continue
        content = json.loads((results / f"{outcome.name}.json").read_text("utf-8"))
        for row in content["rows"]:
            if "bar" in row:
                value = f"{row['value']:.3f} {row['unit'].split(',')[0]} (bar {row['bar']})"
                found.append((f"{outcome.name}: {row['name']}", value, row["holds"]))
    return found


def arguments_of(name: str, options: argparse.Namespace) -> list[str]:
    """The command line of one benchmark."""
    given = ["--quick"] if options.quick else []
    if name == "file_to_embedding" and options.rclip:
        given += ["--rclip", str(options.rclip.absolute())]
    return given


def main() -> None:
    """Run them, then print which bars hold; exit 1 where one does not, or a benchmark failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="seconds each; bars mean nothing")
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, default=BENCHMARKS)
    parser.add_argument("--rclip", type=Path, help="rclip's program, for file_to_embedding")
    options = parser.parse_args()
    results = QUICK if options.quick else RESULTS
    outcomes = []
    for name in options.only:
        print(f"\n== {name}", flush=True)
        outcomes.append(run_one(name, arguments_of(name, options), results))
    lines = bars(outcomes, results)
    width = max((len(name) for name, _, _ in lines), default=0)
    print("\n== bars")
    for name, value, holds in lines:
        print(f"  {name:<{width}}  {value}  {'holds' if holds else 'MISSED'}")
    for outcome in outcomes:
        if outcome.trouble is not None:
            print(f"  {outcome.name}: {outcome.trouble}")
    print(f"{len(outcomes)} benchmarks in {sum(o.seconds for o in outcomes) / 60:.1f} minutes")
    failed = [o for o in outcomes if o.trouble and not o.trouble.startswith("skipped")]
    if failed or (not options.quick and not all(holds for _, _, holds in lines)):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
