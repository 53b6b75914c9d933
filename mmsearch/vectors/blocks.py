"""Checksums of a vector file's codes by blocks: each block is checked before it is first searched.

Small files are checked whole when they are opened. Of a large one only what a search is about to
read is: an index of ten million opens without reading five gigabytes, and still no flipped bit is
ever searched.
"""

from __future__ import annotations

import threading
import weakref
from contextlib import suppress
from io import FileIO
from pathlib import Path

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from mmsearch.errors import VectorIndexError

BLOCK_BYTES = 1 << 15
DIGEST_BYTES = 16
_READ_BYTES = 1 << 22

Digests = NDArray[np.uint8]
"""`(b, 16)` uint8: BLAKE3 of each block, shortened."""


def rows_in_block(code_size: int) -> int:
    """How many whole codes make a block."""
    return max(1, BLOCK_BYTES // max(code_size, 1))


def digests_of(codes: NDArray[np.uint8]) -> Digests:
    """The digest of each block of codes `(n, code_size)`."""
    step = rows_in_block(codes.shape[1])
    digests = [_digest(codes[at : at + step].data) for at in range(0, len(codes), step)]
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, DIGEST_BYTES)


class Blocks:
    """The blocks of an open file: which are known to be as they were written; thread-safe.

    They are read from the file, not through the map that is searched: both are the same pages of
    the system's, and a check of everything does not make the process look as large as the file.
    `codes_at` is where in the file the codes lie, in bytes.
    """

    def __init__(self, path: Path, file: FileIO, codes_at: slice, digests: Digests) -> None:
        self._path = path
        self._file = file
        self._codes_at = codes_at
        self._digests = digests
        self._known = np.zeros(len(digests), dtype=np.bool_)
        self._reading = threading.Lock()
        self._sweeping: threading.Thread | None = None
        weakref.finalize(self, file.close)

    def check(self, positions: NDArray[np.int64], code_size: int) -> None:
        """Pass when the blocks of codes at `positions` `(p,)` are sound.

        Raises:
            VectorIndexError: One is not.
        """
        blocks = positions // rows_in_block(code_size)
        if self._known[blocks].all():
            return
        buffer = bytearray(rows_in_block(code_size) * code_size)
        for block in np.unique(blocks[~self._known[blocks]]).tolist():
            self._check_run(block, block + 1, code_size, buffer)

    def check_all(self, code_size: int) -> None:
        """Pass when every block that is not known yet is sound.

        Raises:
            VectorIndexError: One is not.
        """
        step = max(1, _READ_BYTES // (rows_in_block(code_size) * max(code_size, 1)))
        # One buffer for all: the system clears each new one page by page, as dear as hashing.
        buffer = bytearray(step * rows_in_block(code_size) * code_size)
        for first in range(0, len(self._known), step):
            last = min(first + step, len(self._known))
            if not self._known[first:last].all():
                self._check_run(first, last, code_size, buffer)

    def check_all_beside(self, code_size: int) -> None:
        """Begin to check every block while searches go on.

        Damage that is found is left to the search that comes to it.
        """
        if self._sweeping is None:
            self._sweeping = threading.Thread(
                target=self._sweep, args=(code_size,), name="blocks", daemon=True
            )
            self._sweeping.start()

    def _sweep(self, code_size: int) -> None:
        with suppress(VectorIndexError):
            self.check_all(code_size)

    def forget(self) -> None:
        """Take no block as known: the disk may have changed since."""
        self._known[:] = False

    def _check_run(self, first: int, last: int, code_size: int, buffer: bytearray) -> None:
        size = rows_in_block(code_size) * code_size
        try:
            data = self._read(first, last, size, buffer)
        except OSError as exc:
            raise VectorIndexError(
                f"vector file {self._path} cannot be read ({exc.strerror}): it will be rebuilt"
            ) from exc
        for block in range(first, last):
            at = (block - first) * size
            if _digest(data[at : at + size]) != self._digests[block].tobytes():
                raise VectorIndexError(
                    f"vector file {self._path} does not fit its checksum: it will be rebuilt"
                )
        self._known[first:last] = True

    def _read(self, first: int, last: int, size: int, buffer: bytearray) -> memoryview:
        """The bytes of the blocks from `first` to before `last`, of `size` bytes each."""
        start = self._codes_at.start + first * size
        wanted = memoryview(buffer)[: min((last - first) * size, self._codes_at.stop - start)]
        with self._reading:
            self._file.seek(start)
            return wanted[: self._file.readinto(wanted)]


def _digest(block: memoryview) -> bytes:
    return blake3(block).digest(DIGEST_BYTES)
