"""Disks that are full: a real one where this process may mount it, else a limit on file sizes."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

DISK_BYTES = 8 << 20
ROOM_BYTES = 64 << 10


class Disk(Protocol):
    """A place that can become full."""

    folder: Path

    def full(self, room: int = ROOM_BYTES) -> contextlib.AbstractContextManager[None]:
        """A context in which no more than `room` bytes can be written there."""


class SmallDisk:
    """A file system of its own, filled up by a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def full(self, room: int = ROOM_BYTES) -> Iterator[None]:
        """Fill what is free but for `room`."""
        ballast = self.folder / "ballast"
        free = shutil.disk_usage(self.folder).free
        ballast.write_bytes(b"\0" * max(free - room, 0))
        try:
            yield
        finally:
            ballast.unlink()


class SmallFiles:
    """Any folder, in which no file may grow for a while."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def full(self, room: int = ROOM_BYTES) -> Iterator[None]:
        """Let this process write no file beyond its first `room` bytes."""
        import resource

        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def mounted(folder: Path) -> Iterator[SmallDisk]:
    """A disk of its own in `folder`; skips the test where that is not allowed."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, check=False, capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if done.returncode:
        pytest.skip("this process may not mount a file system")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
