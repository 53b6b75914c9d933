"""Whether a file is there: that it cannot be looked up does not mean that it is not."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def look_up(path: Path) -> os.stat_result | None:
    """What is at a path, links followed; None when nothing is.

    Raises:
        OSError: The disk does not tell, or the place may not be looked into.
    """
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def file_size(path: Path) -> int | None:
    """Bytes of a regular file; None when there is none at that path.

    Raises:
        OSError: As `look_up`.
    """
    info = look_up(path)
    return info.st_size if info is not None and stat.S_ISREG(info.st_mode) else None


def folder_is_there(path: Path) -> bool:
    """Whether a folder is at a path and can be looked up now."""
    try:
        info = look_up(path)
    except OSError:
        return False
    return info is not None and stat.S_ISDIR(info.st_mode)


def shown_size(path: Path) -> int:
    """Bytes of a regular file, to be shown; 0 where there is none or the disk does not tell."""
    try:
        return file_size(path) or 0
    except OSError:
        return 0
