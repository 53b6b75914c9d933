"""Do indexing and asking stay on straight lines from a thousand pictures to a million?

Up to ten thousand pictures are real files; beyond, rows are written through the catalogue as an
indexing run writes them, for the files alone would take hours.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import mmsearch
from benchmarks.command import run
from benchmarks.filled_library import fill, space_of_mini
from benchmarks.photos import make_photos
from benchmarks.plot import line_plot
from benchmarks.query_latency import K, questions
from benchmarks.record import Row, record
from mmsearch.catalogue import Catalogue
from mmsearch.engine.factory import CATALOGUE_NAME
from mmsearch.engine.vector_files import save_vectors

SIDE, ASKED = 128, 40
FILES = "indexing files"
ROWS = "rows into the catalogue"
VECTORS = "vector files from them"
FIRST, WARM = "first question", "warm question, median"
AGAIN = "indexing again, nothing changed"

Points = dict[str, list[tuple[float, float]]]


def with_files(work: Path, count: int, points: Points) -> None:
    """Index so many files, and once more."""
    photos, home = work / f"photos-{count}", work / f"files-{count}"
    make_photos(photos, count, side=SIDE)
    done = json.loads(run(home, "index", str(photos), "--json").stdout)
    points[FILES].append((count, done["seconds"]))
    done = json.loads(run(home, "index", str(photos), "--json").stdout)
    points[AGAIN].append((count, done["seconds"]))


def with_rows(home: Path, before: int, count: int, points: Points) -> None:
    """Grow an index to `count` rows, and ask it."""
    started = time.perf_counter()
    folder = fill(home, count)
    grown = (time.perf_counter() - started) * count / (count - before)
    points[ROWS].append((count, grown))
    for file in (folder / "vectors").glob("*"):
        file.unlink()
    started = time.perf_counter()
    with Catalogue.open(folder / CATALOGUE_NAME) as catalogue:
        save_vectors(catalogue, folder, space_of_mini())
    points[VECTORS].append((count, time.perf_counter() - started))
    times: list[float] = []
    with mmsearch.open(home=home) as library:
        for text in questions(ASKED):
            started = time.perf_counter()
            library.query(text, k=K, rerank=0)
            times.append(time.perf_counter() - started)
    points[FIRST].append((count, times[0]))
    points[WARM].append((count, statistics.median(times[5:])))


def main() -> None:
    """Measure each size, and draw the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--files", type=int, nargs="+", default=[1_000, 3_000, 10_000])
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[1_000, 10_000, 30_000, 100_000, 300_000, 1_000_000]
    )
    options = parser.parse_args()
    files = [50, 100] if options.quick else options.files
    counts = [0, *([500, 1_000, 2_000] if options.quick else options.rows)]
    points: Points = defaultdict(list)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        with_rows(work / "first", 0, 100, defaultdict(list))  # imports, once; not counted
        for count in files:
            with_files(work, count, points)
        for before, count in pairwise(counts):
            with_rows(work / "rows", before, count, points)
    rows = [Row(f"{n:,.0f}: {name}", s, "s") for name, line in points.items() for n, s in line]
    record("index_growth", str(__doc__), {"files": files, "rows": counts[1:], "side": SIDE}, rows)
    line_plot(
        "index_growth", "From a thousand pictures to a million", points, ("pictures", "seconds")
    )


if __name__ == "__main__":
    main()
