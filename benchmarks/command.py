"""Runs `mmsearch` as a user does: a process of its own, measured from outside."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Finished:
    """One finished process: wall-clock seconds and what it wrote."""

    seconds: float
    code: int
    stdout: str
    stderr: str


def mmsearch_command(*arguments: str) -> list[str]:
    """The command line that starts mmsearch in this interpreter's environment."""
    script = Path(sys.executable).with_name("mmsearch")
    return [str(script), *arguments]


def run(home: Path, *arguments: str) -> Finished:
    """The finished run of one mmsearch command with its own home.

    Raises:
        SystemExit: The command failed; its own words are shown.
    """
    start = time.perf_counter()
    done = subprocess.run(
        mmsearch_command(*arguments),
        env={**os.environ, "MMSEARCH_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        raise SystemExit(f"mmsearch {' '.join(arguments)} failed: {done.stderr.strip()}")
    return Finished(seconds, done.returncode, done.stdout, done.stderr)


def median_seconds(home: Path, runs: int, *arguments: str) -> float:
    """Median wall-clock seconds of `runs` runs of one command, after one that is not counted."""
    run(home, *arguments)
    return statistics.median(run(home, *arguments).seconds for _ in range(runs))
