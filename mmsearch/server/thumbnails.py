"""Thumbnails on disk: made once a picture and size, bounded in all, oldest dropped first."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

_LOG = logging.getLogger(__name__)
_KEEP_SHARE = 0.8
"""Pruning goes down to this share of the limit, so that it is rare."""


class ThumbnailCache:
    """Files under one folder, named by the picture's digest and the size.

    What is in it can be deleted at any time; a disk that cannot be written costs time, no more.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._size_bytes: int | None = None

    def get(self, digest: str, size: int) -> bytes | None:
        """The JPEG of a picture's bytes at a size, None where it is not cached."""
        try:
            return self._file(digest, size).read_bytes() or None
        except OSError:
            return None

    def put(self, digest: str, size: int, jpeg: bytes) -> None:
        """Keep a JPEG; written beside and renamed, so that no reader sees half of it."""
        if not self._max_bytes:
            return
        file = self._file(digest, size)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            _write(file, jpeg)
            self._count(len(jpeg))
        except OSError as exc:
            _LOG.warning("thumbnails cannot be kept in %s: %s", self._folder, exc)

    def get_or_make(self, digest: str, size: int, make: Callable[[], bytes]) -> bytes:
        """The cached JPEG, or the one that `make` gives, which is kept."""
        known = self.get(digest, size)
        if known is not None:
            return known
        jpeg = make()
        self.put(digest, size, jpeg)
        return jpeg

    def _file(self, digest: str, size: int) -> Path:
        return self._folder / digest[:2] / f"{digest[2:34]}-{size}.jpg"

    def _count(self, added_bytes: int) -> None:
        """Keep track of the size; prune where it is over the limit."""
        with self._lock:
            if self._size_bytes is None:
                self._size_bytes = sum(size for _, size, _ in self._listing())
            else:
                self._size_bytes += added_bytes
            if self._size_bytes > self._max_bytes:
                self._size_bytes = self._prune()

    def _prune(self) -> int:
        """Delete the oldest; what is left, in bytes."""
        files = sorted(self._listing())
        left = sum(size for _, size, _ in files)
        for _, size, file in files:
            if left <= self._max_bytes * _KEEP_SHARE:
                break
            file.unlink(missing_ok=True)
            left -= size
        return left

    def _listing(self) -> list[tuple[int, int, Path]]:
        """Each cached file as (mtime_ns, size in bytes, path)."""
        found = []
        for file in self._folder.glob("??/*.jpg"):
            try:
                info = file.stat()
            except OSError:  # pruned by another server
                continue
            found.append((info.st_mtime_ns, info.st_size, file))
        return found


def _write(file: Path, data: bytes) -> None:
    """Write atomically. A cache needs no fsync: an empty file after a crash counts as none."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        Path(name).replace(file)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
