"""How long does a first question take, from process start to answer, on N pictures?"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.command import median_seconds, run
from benchmarks.photos import make_photos
from benchmarks.record import Row, record


def main() -> None:
    """Index N small pictures once, then ask in fresh processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--work", type=Path, help="keep pictures and index here between runs")
    options = parser.parse_args()
    count, runs = (500, 3) if options.quick else (options.count, 9)
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        home, photos = work / f"home-{count}", work / f"photos-{count}"
        make_photos(photos, count, side=128)
        run(home, "index", str(photos))
        text = median_seconds(home, runs, "query", "a rocket at night", "--json")
        picture = median_seconds(
            home, runs, "query", "--image", str(next(photos.rglob("*.jpg"))), "--json"
        )
    rows = [
        Row("text query, cold", text, "s wall, median", at_most=0.8),
        Row("picture query, cold", picture, "s wall, median"),
    ]
    record("cold_query", str(__doc__), {"n": count, "runs": runs, "k": 10, "seed": 0}, rows)


if __name__ == "__main__":
    main()
