"""How many photos a second go from file to committed embedding where a GPU embeds them?

`mmsearch index` as a process with device cuda: of a few photos, and of many. The difference is what
indexing takes once it runs; the start, in which torch and CUDA are loaded, is told beside it. How
busy GPU and processors were, over the whole of the larger run, tells which of them is waited for.
Each photo is a copy of a real one with bytes of its own.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.captioned import DATA
from benchmarks.command import mmsearch_command
from benchmarks.file_to_embedding import Cost, cost
from benchmarks.gpu import card, require_gpu, watched_gpu
from benchmarks.large_photos import LARGE, copies
from benchmarks.photos import make_photos
from benchmarks.random_vit import random_vit
from benchmarks.record import Row, record

SMALL = DATA / "flickr8k" / "images"
FEW = 512
_DISTINCT = 1000


@dataclass(frozen=True, slots=True)
class Folder:
    """A kind of photo: its name, and folders with a few and with many of it."""

    name: str
    few: Path
    many: Path
    n_more: int

    @classmethod
    def of(cls, name: str, photos: list[Path], work: Path, count: int, few: int) -> Folder:
        """Copies of `photos`, `count` and `few` of them.

        Raises:
            SystemExit: There are none.
        """
        if not photos:
            raise SystemExit(f"skipped: there are no photos of {name}")
        folders = [work / name / "few", work / name / "many"]
        for folder, n in zip(folders, (few, count), strict=True):
            copies(photos, folder, n)
        return cls(name, *folders, count - few)


@dataclass(frozen=True, slots=True)
class Indexed:
    """What a run over many photos took beyond `few`, and how busy the GPU was, percent."""

    few: Cost
    more: Cost
    gpu: float | None


class Contest:
    """Runs of `mmsearch index`, each with a home of its own."""

    def __init__(self, work: Path, device: str) -> None:
        self._work = work
        self._device = device
        self._homes = 0

    def index(self, folder: Folder, model: str, runs: int) -> list[Indexed]:
        """Index few once, then many in each run."""
        few = self._cost(folder.few, model)
        found = []
        for _ in range(runs):
            with watched_gpu() as busy:
                many = self._cost(folder.many, model)
            found.append(Indexed(few, many - few, busy.mean))
        return found

    def _cost(self, photos: Path, model: str) -> Cost:
        self._homes += 1
        home = self._work / f"home-{self._homes}"
        command = mmsearch_command("--home", str(home), "index", str(photos), "--model", model)
        return cost(command, self._work, {"MMSEARCH_DEVICE": self._device})


def rows_of(label: str, folder: Folder, runs: list[Indexed]) -> list[Row]:
    """Rate, start and shares."""
    rates = [folder.n_more / run.more.wall_s for run in runs]
    each = [1000 * run.more.processor_s / folder.n_more for run in runs]
    rows = [
        Row(label, statistics.median(rates), "photos/s, median"),
        Row(f"{label}: the first few, with the start", runs[0].few.wall_s, "s"),
        Row(f"{label}: processor", statistics.median(each), "ms a photo, median"),
        Row(f"{label}: processors busy", max(run.more.busy for run in runs), "%"),
    ]
    shares = [run.gpu for run in runs if run.gpu is not None]
    return [*rows, Row(f"{label}: GPU busy", max(shares), "%")] if shares else rows


def folders(work: Path, options: argparse.Namespace) -> list[Folder]:
    """The kinds of photos that are indexed."""
    few, count = (8, 40) if options.quick else (FEW, options.count)
    small = sorted(options.small.glob("*.jpg"))[: 8 if options.quick else _DISTINCT]
    make_photos(work / "made", 8 if options.quick else _DISTINCT, side=500)
    large = sorted(options.large.glob("*.jpg"))
    return [
        Folder.of("224 px", small, work, count, few),
        Folder.of("500 px", sorted((work / "made").rglob("*.jpg")), work, count, few),
        Folder.of("7-22 MP", large, work, count // 8, few // 8),
    ]


def main() -> None:
    """Index each kind with the shipped model, the small ones with a ViT-B/32 as well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--count", type=int, default=12_000)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--small", type=Path, default=SMALL, help="small JPEGs, used in turn")
    parser.add_argument("--large", type=Path, default=LARGE, help="camera JPEGs, used in turn")
    parser.add_argument("--work", type=Path, help="a folder to work in, on a quick disk")
    options = parser.parse_args()
    require_gpu(options.device)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(dir=options.work) as temporary:
        work = Path(temporary)
        contest, kinds = Contest(work, options.device), folders(work, options)
        vit = str(random_vit(work / "vit"))
        pairs = [("mini", "mini", kind) for kind in kinds] + [("ViT-B/32", vit, kinds[0])]
        contest.index(kinds[0], "mini", 0)  # what is read and compiled once is not counted
        for label, model, kind in pairs:
            runs = contest.index(kind, model, 1 if options.quick else options.runs)
            rows += rows_of(f"{kind.name}, {label}", kind, runs)
            tell(rows, options)  # each time: a run that is cut short keeps what it has


def tell(rows: list[Row], options: argparse.Namespace) -> None:
    """Print and keep what was measured so far."""
    parameters: dict[str, object] = {"n": options.count, "runs": options.runs, "seed": 0}
    parameters["cores_used"] = len(os.sched_getaffinity(0))
    question = str(__doc__).split("\n", 1)[0]
    record("gpu_files", question, {**parameters, **card(options.device)}, rows)


if __name__ == "__main__":
    main()
