"""Pages of a mapped file that cannot be read kill whoever touches them: these are asked first."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import sys

import numpy as np
from numpy.typing import NDArray

_MADV_POPULATE_READ = 22
"""Linux 5.14: map all pages for reading, and say so where that would raise SIGBUS."""

_EHWPOISON = 133


def require_readable(mapped: NDArray[np.uint8]) -> None:
    """Pass when all pages of a mapped array `(n, b)` are in memory or can be read from the disk.

    On systems that cannot tell it always passes.

    Raises:
        OSError: The disk fails, or the file was cut short by another program.
    """
    if sys.platform != "linux" or mapped.nbytes == 0:
        return
    begin = mapped.ctypes.data // mmap.PAGESIZE * mmap.PAGESIZE
    length = mapped.ctypes.data + mapped.nbytes - begin
    system = ctypes.CDLL(None, use_errno=True)
    if system.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(length), _MADV_POPULATE_READ) == 0:
        return
    number = ctypes.get_errno()
    if number in (errno.EFAULT, errno.EIO, _EHWPOISON):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
