"""Does indexing that is killed at random moments end with the undisturbed result?

Each run is a process of its own over the 1,000 test pictures of Flickr8k and five broken files,
with captions, and is killed with SIGKILL. Then one more run goes on where it was. All rows of the
catalogue (ids, generations and moments of failure left out) and the answers of 20 questions over
everything, scores to the last bit, are compared with those of an undisturbed run from the same
start: captions that are embedded in other batches may differ in a last bit, by half precision.

Every other kill is aimed at the end of a run: at the moment, and up to 0.1 s after it, that a
vector file begins to be written, one has its name, or the write-ahead log is large. Where a
vector file is aimed at, the run begins with nine tenths of the pictures indexed, so that the end
comes soon; the others begin with nothing, and those at any moment are spread evenly over the work
of a run (processor time of its main process: what else the machine does moves no kill).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.captioned import DATA, read_split
from benchmarks.command import mmsearch_command, run
from benchmarks.index_contents import KeptModels, contents
from benchmarks.photos import make_photos
from benchmarks.record import Row, record

FLICKR = DATA / "flickr8k" / "dataset_flickr8k.json"
LARGE_LOG_BYTES = 3_000_000
"""SQLite begins to move its log into the file at 4 MB."""

BEGUN, WRITTEN, LARGE_LOG = "vector file begun", "vector file written", "large log"
ANY = "any moment"
AIMS = (BEGUN, BEGUN, WRITTEN, WRITTEN, LARGE_LOG)
"""What kills are aimed at, as often as it stands here."""

_POLL_S = 0.001
_AIMED_WITHIN_S = 0.1


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill: what it was aimed at, whether it came in time, and what differs afterwards."""

    number: int
    aim: str
    alive: bool
    seconds: float
    differences: tuple[str, ...]


class Pictures:
    """A folder of pictures and a table of captions, and a home that holds nine tenths of them."""

    def __init__(self, work: Path, count: int, given: Path | None) -> None:
        self.work = work
        self.photos = work / "photos"
        self._captions = work / "captions.csv"
        if not self._captions.is_file():
            self._make(count, given)

    @property
    def arguments(self) -> tuple[str, ...]:
        """What an indexing run is started with: small batches, so many transactions."""
        captions = str(self._captions)
        return ("index", str(self.photos), "--captions", captions, "--batch-size", "8")

    def start(self, home: Path) -> subprocess.Popen[bytes]:
        """An indexing run that goes on by itself."""
        return subprocess.Popen(
            mmsearch_command(*self.arguments),
            env={**os.environ, "MMSEARCH_HOME": str(home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def index(self, home: Path) -> float:
        """Seconds of processor that an undisturbed run took."""
        child, work_s = self.start(home), 0.0
        while child.poll() is None:
            work_s = max(work_s, processor_s(child.pid))
            time.sleep(_POLL_S)
        if child.returncode:
            raise SystemExit(f"mmsearch {' '.join(self.arguments)} failed")
        return work_s

    def index_most(self, home: Path) -> None:
        """Index nine tenths of the pictures: the others are put elsewhere meanwhile."""
        aside = self.work / "aside"
        aside.mkdir(exist_ok=True)
        files = sorted(self.photos.rglob("*.jpg"))[::10]
        for file in files:
            file.rename(aside / file.name)
        try:
            run(home, *self.arguments)
        finally:
            for file in files:
                (aside / file.name).rename(file)

    def _make(self, count: int, given: Path | None) -> None:
        rows = [("file", "caption")]
        if given is None and FLICKR.is_file():
            self.photos.mkdir(parents=True, exist_ok=True)
            for item in read_split(FLICKR, "test", count):
                shutil.copy2(item.path, self.photos)
                rows.append((item.path.name, item.captions[0]))
        elif given is None:
            make_photos(self.photos, count, side=224)
        else:
            shutil.copytree(given, self.photos, dirs_exist_ok=True)
        whole = next(self.photos.rglob("*.jpg")).read_bytes()
        for number in range(5):
            (self.photos / f"broken-{number}.png").write_bytes(whole[: 40 + number])
        with self._captions.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)


def processor_s(pid: int) -> float:
    """Seconds that a process has kept a processor busy, its children left out; 0 once it ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def aims(home: Path) -> dict[str, Callable[[], bool]]:
    """What a kill may be aimed at: each tells whether the moment has come."""
    index = home / "indexes" / "default"
    log, vectors = index / "catalogue.sqlite3-wal", index / "vectors"
    before = _identities(vectors)
    return {
        BEGUN: lambda: any(vectors.glob("*.tmp")),
        WRITTEN: lambda: _identities(vectors) != before,
        LARGE_LOG: lambda: log.is_file() and log.stat().st_size > LARGE_LOG_BYTES,
    }


def _identities(vectors: Path) -> set[tuple[str, int]]:
    return {(file.name, file.stat().st_ino) for file in vectors.glob("*.faiss")}


def kill_once(pictures: Pictures, home: Path, aim: str, after_s: float) -> tuple[bool, float]:
    """Whether a run was alive when it was killed, `after_s` past what was aimed at; its work.

    `aim` is one of `AIMS`; or it is `ANY`, and the seconds are of the processor, from the start.
    """
    work_s = 0.0
    if aim == ANY:
        child = pictures.start(home)
        while child.poll() is None and work_s < after_s:
            work_s = max(work_s, processor_s(child.pid))
            time.sleep(_POLL_S)
    else:
        has_come = aims(home)[aim]
        child = pictures.start(home)
        while child.poll() is None and not has_come():
            time.sleep(_POLL_S)
        time.sleep(after_s)
    alive = child.poll() is None
    child.send_signal(signal.SIGKILL)
    child.wait()
    return alive, work_s


class Experiment:
    """Kills, each compared with the undisturbed run; outcomes are kept as they come."""

    def __init__(self, pictures: Pictures, seed: int) -> None:
        self._pictures = pictures
        self._seed = seed
        self._models = KeptModels()
        self._kept = pictures.work / "outcomes.jsonl"
        self._most = pictures.work / "most"
        self._undisturbed = pictures.work / "undisturbed"
        self._known = pictures.work / "processor_s"
        self._whole_s = self._begun()
        self._expected = {
            start: contents(home, self._models) for start, home in self._references().items()
        }

    def outcomes(self) -> list[Kill]:
        """All kills so far, of earlier calls in the same folder too."""
        lines = self._kept.read_text("utf-8").splitlines() if self._kept.is_file() else []
        kept = [json.loads(line) for line in lines]
        return [Kill(**{**one, "differences": tuple(one["differences"])}) for one in kept]

    def go_on(self, number: int) -> None:
        """Make kill `number`, let one run go on after it, and keep what differs."""
        chance = random.Random(f"{self._seed}/{number}")
        home = self._pictures.work / "killed"
        shutil.rmtree(home, ignore_errors=True)
        aim, after_s = ANY, chance.uniform(0.05, 0.95) * self._whole_s
        if number % 2:
            aim, after_s = chance.choice(AIMS), chance.uniform(0.0, _AIMED_WITHIN_S)
        start = self._most if aim in (BEGUN, WRITTEN) else None
        if start is not None:
            shutil.copytree(start, home)
        started = time.perf_counter()
        alive, work_s = kill_once(self._pictures, home, aim, after_s)
        if aim == ANY and not alive:
            self._whole_s = work_s  # less than it was: other load makes threads wait longer
            self._known.write_text(str(work_s), "utf-8")
        killed_s = time.perf_counter() - started
        self._pictures.index(home)
        differences = self._expected[start].differences(contents(home, self._models))
        outcome = {
            "number": number,
            "aim": aim,
            "alive": alive,
            "seconds": round(killed_s, 3),
            "differences": differences,
        }
        with self._kept.open("a", encoding="utf-8") as file:
            file.write(json.dumps(outcome) + "\n")

    def _begun(self) -> float:
        """Processor seconds of an undisturbed run; it, and the start near its end, are kept."""
        if not self._known.is_file():
            whole_s = self._pictures.index(self._undisturbed)
            self._pictures.index_most(self._most)
            self._known.write_text(str(whole_s), "utf-8")
        return float(self._known.read_text("utf-8"))

    def _references(self) -> dict[Path | None, Path]:
        """The home of an undisturbed run from each start, None being nothing."""
        completed = self._pictures.work / "completed"
        if not completed.is_dir():
            shutil.copytree(self._most, completed)
        self._pictures.index(completed)
        return {None: self._undisturbed, self._most: completed}


def rows_of(outcomes: list[Kill]) -> list[Row]:
    """The table: how many kills, how many in time, of each aim, and what differed."""
    in_time = Counter(one.aim for one in outcomes if one.alive)
    different = sum(bool(one.differences) for one in outcomes)
    return [
        Row("kills", float(len(outcomes)), "runs"),
        Row("killed while alive", float(in_time.total()), "runs"),
        *(Row(f"  at: {aim}", float(count), "runs") for aim, count in sorted(in_time.items())),
        Row("different from the undisturbed run", float(different), "runs"),
    ]


def main() -> None:
    """Compare each killed and resumed home with an undisturbed one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--photos", type=Path, help="a folder of JPEGs to index instead")
    parser.add_argument("--work", type=Path, help="a folder to go on in, kept afterwards")
    options = parser.parse_args()
    kills, count = (4, 100) if options.quick else (options.kills, 1000)
    with tempfile.TemporaryDirectory() as temporary:
        pictures = Pictures(options.work or Path(temporary), count, options.photos)
        experiment = Experiment(pictures, options.seed)
        known = {one.number for one in experiment.outcomes()}
        for number in sorted(set(range(kills)) - known):
            experiment.go_on(number)
        outcomes = experiment.outcomes()
    for one in outcomes:
        if one.differences:
            print(f"kill {one.number}, {one.aim}: {', '.join(one.differences)}")
    question = str(__doc__).splitlines()[0]
    flickr = options.photos is None and FLICKR.is_file()
    parameters = {"n": count, "seed": options.seed, "pictures": "flickr8k test" if flickr else ""}
    record("killed_runs", question, parameters, rows_of(outcomes))


if __name__ == "__main__":
    main()
