"""Marks on files that a process is at work on, so that others do not take them for abandoned.

Ages alone cannot tell: clocks are set back and forth, and a server's is another one.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

ABANDONED_AFTER_S = 3600.0


@contextlib.contextmanager
def at_work_on(path: Path) -> Iterator[None]:
    """A context in which other processes see that this one is at work on a file or folder.

    Where the file system knows no such marks, or on Windows, ages have to do.
    """
    if os.name == "nt":
        yield
        return
    import fcntl

    descriptor = os.open(path, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def is_abandoned(path: Path) -> bool:
    """Whether a temporary file or folder was left by a process that ended long ago.

    One from the future is: its clock was set back since.
    """
    try:
        age_s = time.time() - path.stat().st_mtime
        return abs(age_s) > ABANDONED_AFTER_S and not _is_marked(path)
    except OSError:
        return False  # gone, or not to be looked at: whoever made it sees to it


def _is_marked(path: Path) -> bool:
    """Whether another process is at work on it.

    Raises:
        OSError: It cannot be opened.
    """
    if os.name == "nt":
        return False
    import fcntl

    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # there are no marks here
    finally:
        os.close(descriptor)
    return False
