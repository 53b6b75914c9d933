"""Does indexing that is killed at random moments end with the undisturbed result?"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.command import mmsearch_command, run
from benchmarks.photos import make_photos
from benchmarks.record import Row, record

QUESTIONS = ("a rocket launch", "a cat", "a cup of coffee", "a woman in a space suit")


def answers(home: Path, photos: Path) -> list[str]:
    """Paths and scores of all pictures for each question, rounded to 4 decimals."""
    total = sum(1 for _ in photos.rglob("*.jpg"))
    found = []
    for question in QUESTIONS:
        lines = run(home, "query", question, "-k", str(total), "--json").stdout.splitlines()
        hits = [json.loads(line) for line in lines]
        found.extend(f"{hit['path']} {hit['score']:.4f}" for hit in hits)
    return sorted(found)


def kill_once(home: Path, photos: Path, after_s: float) -> bool:
    """Whether an index run was still alive when it was killed `after_s` seconds in."""
    child = subprocess.Popen(
        mmsearch_command("index", str(photos), "--batch-size", "8"),
        env={**os.environ, "MMSEARCH_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(after_s)
    alive = child.poll() is None
    child.send_signal(signal.SIGKILL)
    child.wait()
    return alive


def main() -> None:
    """Compare each killed and resumed home with an undisturbed one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--photos", type=Path, help="a folder of JPEGs to index instead")
    options = parser.parse_args()
    kills, count = (3, 100) if options.quick else (options.kills, 1000)
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        photos = options.photos or work / "photos"
        if options.photos is None:
            make_photos(photos, count, side=224)
        start = time.perf_counter()
        run(work / "undisturbed", "index", str(photos), "--batch-size", "8")
        whole_s = time.perf_counter() - start
        expected = answers(work / "undisturbed", photos)
        different = in_time = 0
        for number in range(kills):
            home = work / f"killed-{number}"
            in_time += kill_once(home, photos, rng.uniform(0.05, 0.95) * whole_s)
            run(home, "index", str(photos))
            different += answers(home, photos) != expected
    rows = [
        Row("kills", float(kills), "runs"),
        Row("killed while indexing", float(in_time), "runs"),
        Row("different from the undisturbed run", float(different), "runs"),
    ]
    record("killed_runs", str(__doc__), {"n": count, "seed": options.seed}, rows)


if __name__ == "__main__":
    main()
