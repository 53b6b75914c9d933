"""The digest of files that have not changed since it was computed, from a note of their state.

A file is as it was where its place on the disk, size and both of its times are: the time of the
last change of any kind is set by the system alone, on POSIX. As in git's index, a note is no
proof for files that changed just before it was made, within the clock's grain.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from mmsearch.runtime.whole_file import write_whole

_GRAIN_NS = 2_000_000_000
_HEX_DIGITS = 64

logger = logging.getLogger(__name__)


def known_digest(files: Sequence[Path], note: Path, compute: Callable[[], str]) -> str:
    """What `compute` gives for `files`, or gave when they were as they are now.

    `note` is where that is kept; where it cannot be, it is computed each time.
    """
    state = [_state(file) for file in files]
    if os.name != "posix":
        return compute()
    known = _noted(note, state)
    if known is not None:
        return known
    before_ns = time.time_ns()
    digest = compute()
    latest = max((one[-1] for one in state if one is not None), default=0)
    if latest < before_ns - _GRAIN_NS and state == [_state(file) for file in files]:
        _keep(note, state, digest)
    return digest


def _state(file: Path) -> list[int] | None:
    """What changes with the file; None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _noted(note: Path, state: list[list[int] | None]) -> str | None:
    """The digest in a note of this very state."""
    try:
        values: object = json.loads(note.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(values, dict) or values.get("state") != state:
        return None
    digest: object = values.get("digest")
    return digest if isinstance(digest, str) and len(digest) == _HEX_DIGITS else None


def _keep(note: Path, state: list[list[int] | None], digest: str) -> None:
    text = json.dumps({"state": state, "digest": digest})
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        write_whole(note, lambda beside: beside.write_text(text, "utf-8"))
    except OSError as exc:
        logger.debug("%s cannot be kept: %s", note, exc)
