"""What does `mmsearch --help` cost, and which heavy libraries does it import?"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.command import median_seconds, mmsearch_command
from benchmarks.record import Row, record

HEAVY = ("torch", "faiss", "open_clip", "sqlalchemy", "openvino", "numpy", "pydantic")


def imported_by_help() -> set[str]:
    """The heavy libraries that `mmsearch --help` loads."""
    script = mmsearch_command()[0]
    done = subprocess.run(
        [sys.executable, "-X", "importtime", script, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines() if "|" in line}
    return {name for name in HEAVY if name in loaded}


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    runs = 3 if parser.parse_args().quick else 15
    with tempfile.TemporaryDirectory() as home:
        seconds = median_seconds(Path(home), runs, "--help")
    heavy = imported_by_help()
    rows = [
        Row("mmsearch --help", seconds, "s wall, median"),
        Row("heavy libraries imported", float(len(heavy)), ", ".join(sorted(heavy)) or "none"),
    ]
    record("start_up", str(__doc__), {"runs": runs}, rows)


if __name__ == "__main__":
    main()
