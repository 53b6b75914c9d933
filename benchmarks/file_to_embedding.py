"""How fast are large photos indexed, file to committed embedding, beside rclip as a whole process?

Each program indexes the same photos, then runs again when nothing changed; the difference is what
indexing took, without start-up. rclip lives in an environment of its own (`--rclip
ENV/bin/rclip`) and is given local files of the same random weights; without it, its engine stands
in, and the table says so. The share of the cores that other programs took tells whether a busy
share or a ratio of the clock is to be believed.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.command import mmsearch_command
from benchmarks.large_photos import LARGE, copies, large_photos
from benchmarks.onnx_tower import write_onnx
from benchmarks.plot import bar_plot
from benchmarks.random_vit import random_vit
from benchmarks.record import Row, record

RCLIP_MODEL = "ViT-B-32-256-datacomp_s34b_b86k"
"""The folder in which rclip looks for its weights; the architecture is open_clip's ViT-B-32-256."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process and its children took: seconds of the clock, seconds of a processor.

    `idle_s` are seconds of processors, all together, in which no program ran at all.
    """

    wall_s: float
    processor_s: float
    idle_s: float

    def __sub__(self, other: Cost) -> Cost:
        return Cost(
            self.wall_s - other.wall_s,
            self.processor_s - other.processor_s,
            self.idle_s - other.idle_s,
        )

    @property
    def busy(self) -> float:
        """Percent of all cores that were busy."""
        return self._share(self.processor_s)

    @property
    def others(self) -> float:
        """Percent of all cores that other programs took: a measurement wants them near 0."""
        return 100 - self.busy - self._share(self.idle_s)

    def _share(self, seconds: float) -> float:
        return 100 * seconds / self.wall_s / len(os.sched_getaffinity(0))


def idle_s() -> float:
    """Seconds, since the start, in which a processor of the machine ran nothing; NaN = unknown."""
    try:
        return float(Path("/proc/uptime").read_text("ascii").split()[1])
    except OSError:
        return math.nan


def cost(command: Sequence[str], folder: Path, extra: Mapping[str, str] | None = None) -> Cost:
    """What one run of a command in `folder` took.

    Raises:
        SystemExit: It failed; its own words are shown.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    idle_before, started = idle_s(), time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **(extra or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    wall_s, idle = time.perf_counter() - started, idle_s() - idle_before
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall_s, processor_s, idle)


class Contest:
    """The programs, the photos they index and the models they are given."""

    def __init__(self, work: Path, photos: Path, rclip: Path | None) -> None:
        from mmsearch.config import load_settings
        from mmsearch.encoders import resolve_model
        from mmsearch.encoders.torch_model import load_torch_model

        self._work, self._photos, self._rclip = work, photos, rclip
        self._round = 0
        self._vit = random_vit(work / "vit", "ViT-B-32-256")
        loaded = load_torch_model(resolve_model(str(self._vit), load_settings().cache))
        self._onnx = write_onnx(loaded, work / "rclip" / RCLIP_MODEL, texts=True)
        self._give_vocabulary()
        self.peer = "rclip" if rclip else "rclip's engine"

    def ways(self) -> dict[str, Callable[[], Cost]]:
        """What each program's indexing costs, by name."""
        peer = self._by_rclip if self._rclip else self._by_engine
        return {
            "mmsearch, mini": lambda: self._by_mmsearch("mini"),
            "mmsearch, ViT-B/32": lambda: self._by_mmsearch(str(self._vit)),
            f"{self.peer}, ViT-B/32": peer,
        }

    def _by_mmsearch(self, model: str) -> Cost:
        home = self._fresh("home")
        command = mmsearch_command("--home", str(home), "index", str(self._photos))
        command += ["--model", model]
        first = cost(command, self._work)
        return first - cost(command, self._work)

    def _by_rclip(self) -> Cost:
        data = self._fresh("rclip-data")
        shutil.copytree(self._work / "rclip", data, copy_function=os.link)
        command = [str(self._rclip), "a dog", "--filepath-only"]
        first = cost(command, self._photos, {"RCLIP_DATADIR": str(data)})
        return first - cost(command, self._photos, {"RCLIP_DATADIR": str(data)})

    def _by_engine(self) -> Cost:
        root = Path(__file__).parents[1]
        empty = self._fresh("empty")
        empty.mkdir()
        paths = {"PYTHONPATH": str(root)}
        command = [sys.executable, "-m", "benchmarks.rclip_engine"]
        self._photos.with_name(f"{self._photos.name}-engine.sqlite3").unlink(missing_ok=True)
        first = cost([*command, str(self._photos), str(self._onnx)], root, paths)
        return first - cost([*command, str(empty), str(self._onnx)], root, paths)

    def _fresh(self, name: str) -> Path:
        """A place that no run has used; the one before it is removed."""
        shutil.rmtree(self._work / f"{name}-{self._round}", ignore_errors=True)
        self._round += 1
        return self._work / f"{name}-{self._round}"

    def _give_vocabulary(self) -> None:
        """Put open_clip's vocabulary where rclip looks for it."""
        import open_clip

        name = "bpe_simple_vocab_16e6.txt.gz"
        folder = self._work / "rclip" / "tokenizer"
        folder.mkdir()
        shutil.copy(Path(open_clip.__file__).parent / name, folder / name)


def main() -> None:
    """Index the photos by each program in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--count", type=int, default=480)
    parser.add_argument("--photos", type=Path, default=LARGE, help="camera JPEGs, used in turn")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rclip", type=Path, help="the program, in an environment of its own")
    options = parser.parse_args()
    count, runs = (24, 1) if options.quick else (options.count, options.runs)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        copies(large_photos(options.photos), work / "photos", count)
        contest = Contest(work, work / "photos", options.rclip)
        ways = contest.ways()
        for name in list(ways)[:2]:
            ways[name]()  # exports and compiles the model, and learns its best pass
        taken: dict[str, list[Cost]] = {name: [] for name in ways}
        for _ in range(runs):
            for name, way in ways.items():
                taken[name].append(way())
    _record(taken, contest.peer, count)


def _record(taken: Mapping[str, Sequence[Cost]], peer: str, count: int) -> None:
    """Rates, ratios and busy shares as a table, JSON and a plot."""
    rates = {name: statistics.median(count / c.wall_s for c in cs) for name, cs in taken.items()}
    rows = [Row(name, rate, "photos/s, median") for name, rate in rates.items()]
    for name, bar in (("mmsearch, ViT-B/32", 2.0), ("mmsearch, mini", 6.0)):
        pairs = list(zip(taken[name], taken[f"{peer}, ViT-B/32"], strict=True))
        ratio = statistics.median(theirs.wall_s / ours.wall_s for ours, theirs in pairs)
        label = f"{name} / {peer}, ViT-B/32"
        rows.append(Row(label, ratio, "x", bar))
        ratio = statistics.median(theirs.processor_s / ours.processor_s for ours, theirs in pairs)
        rows.append(Row(f"{label}: by processor time", ratio, "x"))
    for name, costs in taken.items():
        least = 85.0 if name == "mmsearch, mini" else None
        busy = statistics.median(c.busy for c in costs)
        rows.append(Row(f"{name}: cores busy", busy, "%, median", least))
        others = statistics.median(c.others for c in costs)
        if not math.isnan(others):
            rows.append(Row(f"{name}: cores that other programs took", others, "%, median"))
        each = statistics.median(1000 * c.processor_s / count for c in costs)
        rows.append(Row(f"{name}: a photo", each, "ms of a processor, median"))
    record("file_to_embedding", str(__doc__), {"n": count, "peer": peer, "seed": 0}, rows)
    bar_plot("file_to_embedding", "Camera photos, file to committed embedding", rates, "photos/s")


if __name__ == "__main__":
    main()
