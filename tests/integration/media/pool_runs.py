"""Runs of a decode pool, and what its workers' fate is asked with."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmsearch.media.pool import DecodedFile, DecodeJob, DecodePool

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="a Linux mechanism")


def jobs(paths: list[Path]) -> Iterator[DecodeJob]:
    """Jobs whose keys are the places in `paths`."""
    return (DecodeJob(key, path) for key, path in enumerate(paths))


def run(pool: DecodePool, paths: list[Path], look_ahead: int = 8) -> list[DecodedFile]:
    """What the pool makes of `paths`, in their order."""
    return sorted(pool.decode(jobs(paths), look_ahead), key=lambda result: result.key)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that is dead but unburied does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    if sys.platform != "linux":
        return True
    state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    return state != "Z"  # a container without an init leaves the dead unburied
