"""A file that is there whole or as it was before."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def sync_file(path: Path) -> None:
    """Flush a file to disk, whoever wrote it, and that it is there.

    Raises:
        OSError: It is not there, or the disk fails.
    """
    with path.open("r+b" if os.name == "nt" else "rb") as stream:
        os.fsync(stream.fileno())
    sync_folder(path.parent)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, flush it to disk, give it the name `path`.

    Raises:
        OSError: It cannot be written.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    os.close(descriptor)
    beside = Path(name)
    try:
        write(beside)
        beside.chmod(0o644)
        with beside.open("rb") as stream:
            os.fsync(stream.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder durable, where folders can be synced (not on Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
