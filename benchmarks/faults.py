"""What do commands do when a disk fails them, at any of their file operations?

Every fault at every operation takes hours; `--sample N` tries so many a command, `--scene NAME`
those of one command. `--quick` tries a few of all and records nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.record import Row, record
from tests.faults import shim
from tests.faults.scenes import SCENES

if TYPE_CHECKING:
    from tests.faults.bench import Bench


_WRONG = "with a difference"


def main() -> int:
    """Whether anything is amiss: 1, else 0; tried by processes under the shim, a part each."""
    if reason := shim.why_not():
        sys.exit(reason)
    options = _options()
    if options.counts is not None:
        return _try_part(options)
    names = options.scene or list(SCENES)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, **shim.environment(shim.build(Path(folder)))}
        shared = ["--power", str(options.power), "--seed", str(options.seed)]
        if options.sample is not None:
            shared += ["--sample", str(options.sample)]
        children = []
        for job in range(options.jobs):
            part = [word for name in names[job :: options.jobs] for word in ("--scene", name)]
            given = [*shared, *part, "--counts", f"{folder}/{job}.json"]
            command = [sys.executable, "-m", __spec__.name, *given]
            children.append(subprocess.Popen(command, env=environment))
        codes = [child.wait() for child in children]
        if any(codes):
            return 1
        found = [json.loads(file.read_text("utf-8")) for file in Path(folder).glob("*.json")]
    counts = sum(map(Counter, found), Counter({_WRONG: 0}))
    rows = [Row(_WRONG, float(counts.pop(_WRONG, 0)), "cases")]
    rows += [Row(name, float(counts[name]), "cases") for name in sorted(counts)]
    rows.append(Row("time", time.perf_counter() - started, "s"))
    if options.quick or options.scene:
        for row in rows:
            print(f"  {row.name:<40} {row.value:10.0f} {row.unit}")
    else:
        parameters = {"sample": options.sample, "power": options.power, "seed": options.seed}
        record("faults", str(__doc__), parameters, rows)
    return 1 if rows[0].value else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scene", action="append", help="a command; repeatable; all")
    parser.add_argument("--sample", type=int, help="so many cases a command and place; all")
    parser.add_argument("--power", type=int, default=100, help="losses of power a command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--counts", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.sample, options.power = 5, 1
    return options


def _try_part(options: argparse.Namespace) -> int:
    """Try the faults of some commands, and write how often what came of them."""
    from tests.faults.bench import Bench

    counts: Counter[str] = Counter()
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    try:
        bench = Bench(folder)
        bench.warm_up()
        for name in options.scene:
            _try_scene(bench, name, options, counts)
    finally:
        shutil.rmtree(folder)
    options.counts.write_text(json.dumps(counts), "utf-8")
    return 0


def _try_scene(bench: Bench, name: str, options: argparse.Namespace, counts: Counter[str]) -> None:
    """Try the faults of one command, and show what is wrong."""
    from tests.faults.plan import cases, power_losses, sample

    known = bench.undisturbed(name)
    for place, events in known.events.items():
        every = list(cases(name, place, events))
        chosen = every if options.sample is None else sample(every, options.sample, options.seed)
        counts["possible"] += len(every)
        for case in chosen:
            verdict = bench.run(case)
            counts[f"{case.fault.mode.name.lower()}, {verdict.outcome}"] += 1
            _show(case, (*verdict.differences, verdict.line), counts, bool(verdict.differences))
        print(f"{name}, {place}: {len(chosen)} of {len(every)} cases", flush=True)
    if not SCENES[name].reads:
        for loss in power_losses(name, known.events["home"], options.power, options.seed):
            counts["power lost"] += 1
            wrong = bench.lose_power(loss)
            _show(loss, wrong, counts, bool(wrong))


def _show(what: object, lines: tuple[str, ...], counts: Counter[str], is_wrong: bool) -> None:
    if is_wrong:
        counts[_WRONG] += 1
        print(what, *lines, sep="\n    ", flush=True)


if __name__ == "__main__":
    sys.exit(main())
