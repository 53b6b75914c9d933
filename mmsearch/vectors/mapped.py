"""The pages of a mapped file: asked for before they are touched, given back before they are many.

Pages that cannot be read kill whoever touches them.
"""

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

MOST_MAPPED = 1 << 30
"""Bytes of a file that a process keeps mapped, of a larger one."""

_A_TOUCH = 1 << 16
"""Linux maps so many bytes around each that is touched, where they are in its cache."""


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


class Visits:
    """What a process has looked at of mapped codes `(n, b)`: of a large file little stays mapped.

    What is given back stays in the system's cache while there is room, and is mapped again when it
    is needed: a server of ten million pictures does not look as large as its files.
    """

    def __init__(self, codes: NDArray[np.uint8], *, mapped: bool) -> None:
        """Take codes and whether they are `mapped`: pages of other memory would be lost."""
        self._codes = codes
        self._is_large = mapped and codes.nbytes > MOST_MAPPED
        self._mapped = 0

    def add(self, n_rows: int) -> None:
        """Note that so many rows were looked at."""
        if not self._is_large:
            return
        self._mapped += n_rows * _A_TOUCH
        if self._mapped > MOST_MAPPED:
            self._mapped = 0
            give_back(self._codes)


def give_back(mapped: NDArray[np.uint8]) -> None:
    """Unmap the whole pages of a mapped array `(n, b)`, until they are touched again."""
    if sys.platform != "linux":
        return
    begin = -(-mapped.ctypes.data // mmap.PAGESIZE) * mmap.PAGESIZE
    end = (mapped.ctypes.data + mapped.nbytes) // mmap.PAGESIZE * mmap.PAGESIZE
    if end > begin:
        system = ctypes.CDLL(None)
        system.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), mmap.MADV_DONTNEED)
