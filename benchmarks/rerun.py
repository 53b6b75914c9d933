"""What does indexing cost again when nothing changed, and does it stay linear?"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks.command import median_seconds, run
from benchmarks.photos import make_photos
from benchmarks.record import Row, record


def main() -> None:
    """Index growing folders once, then run again at once, several times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 30_000, 100_000])
    parser.add_argument("--work", type=Path, help="keep pictures and indexes here between runs")
    options = parser.parse_args()
    counts = [200, 400] if options.quick else options.counts
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for count in counts:
            work = options.work or Path(temporary)
            home, photos = work / f"home-{count}", work / f"photos-{count}"
            make_photos(photos, count, side=64)
            first = json.loads(run(home, "index", str(photos), "--json").stdout)
            again = median_seconds(home, 3, "index", str(photos), "--json")
            rows.append(Row(f"{count} files, first run", first["seconds"], "s"))
            rows.append(Row(f"{count} files, again", again, "s wall, median"))
    record("rerun", str(__doc__), {"n": counts, "seed": 0}, rows)


if __name__ == "__main__":
    main()
