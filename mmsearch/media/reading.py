"""Opens files so that what is read of them is of one moment, and nothing is waited for."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mmsearch.errors import MediaError

CHANGED = "changed while it was read"
UNREAD = "cannot be read"
"""How the reason begins where the system did not give a file's bytes: next time it may."""

_TICK_NS = 20_000_000
"""A file system's clock moves in steps of up to 10 ms: two writes may have one time."""
_COARSE_TICK_NS = 2_000_000_000
"""FAT keeps even seconds, others whole ones: such a time says little about 2 s."""
_SECOND_NS = 1_000_000_000
_MAX_WAITS = 2
"""A file that was written to again each time is under way: it is read another day."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A file's size and time: the same before and after means the same bytes."""

    size_bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, info: os.stat_result) -> Stamp:
        """The stamp in a stat."""
        return cls(info.st_size, info.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A regular file, open at its first byte, with its stamp when it was opened."""

    file: BinaryIO
    stamp: Stamp

    def has_changed(self) -> bool:
        """Whether it was written to since it was opened."""
        return Stamp.of(os.fstat(self.file.fileno())) != self.stamp


@contextmanager
def open_at_rest(path: Path) -> Iterator[OpenFile]:
    """The file, opened once its last write is older than its time can tell apart.

    A write after that shows in the time: without the wait, one in the same tick would not, and
    bytes of two moments could be taken for good for ever. Only files just written are waited for.

    Raises:
        MediaError: It is no regular file, reading it in the block fails, or it is written to all
            the time.
    """
    with _unreadable():
        # Opening a pipe waits for a writer, opening a device may do things: not tried at all.
        _check_regular(path.stat())
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
            _check_regular(os.fstat(descriptor))
            yield OpenFile(file, _stamp_at_rest(descriptor))


def is_about_reading(reason: str) -> bool:
    """Whether a file failed for a reason that its size and time do not tell the end of.

    A right to read that is given, a drive that is back: neither changes the file.
    """
    return reason.startswith((UNREAD, CHANGED))


@contextmanager
def _unreadable() -> Iterator[None]:
    """Turn what the system refuses into a MediaError with its reason."""
    try:
        yield
    except OSError as exc:
        raise MediaError(f"{UNREAD}: {(exc.strerror or str(exc)).lower()}") from exc
    except ValueError as exc:  # a NUL in the path
        raise MediaError(f"{UNREAD}: {exc}") from exc


def _check_regular(info: os.stat_result) -> None:
    if not stat.S_ISREG(info.st_mode):
        raise MediaError("not a regular file")


def _stamp_at_rest(descriptor: int) -> Stamp:
    """The stamp of an open file, whose last write is long enough ago."""
    for _ in range(_MAX_WAITS + 1):
        info = os.fstat(descriptor)
        wait_s = _unrest_s(info.st_mtime_ns, time.time_ns())
        if wait_s <= 0:
            return Stamp.of(info)
        time.sleep(wait_s)
    raise MediaError(CHANGED)


def _unrest_s(mtime_ns: int, now_ns: int) -> float:
    """Seconds until a write would give a file of this time another one; 0 for a future time."""
    tick_ns = _TICK_NS if mtime_ns % _SECOND_NS else _COARSE_TICK_NS
    age_ns = now_ns - mtime_ns
    return (tick_ns - age_ns) / _SECOND_NS if 0 <= age_ns < tick_ns else 0.0
