"""One folder a process for files that targets write, gone at its end."""

from __future__ import annotations

import atexit
import functools
import os
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")


@functools.cache
def _kept() -> tempfile.TemporaryDirectory[str]:
    fast = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    made = tempfile.TemporaryDirectory(prefix="mmsearch-fuzz-", dir=fast)
    atexit.register(made.cleanup)
    return made


def folder(name: str) -> Path:
    """A folder of a target's own, in memory where the system has such a place."""
    made = Path(_kept().name, name)
    made.mkdir(exist_ok=True)
    return made
