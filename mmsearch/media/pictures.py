"""Single pictures on demand: thumbnails, and pixels at a model's input size."""

from __future__ import annotations

import queue
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mmsearch.errors import MediaError
from mmsearch.media.decode import decode
from mmsearch.media.decode_limits import DecodeLimits
from mmsearch.media.frames import Job
from mmsearch.media.geometry import resampling
from mmsearch.media.limits import read_file
from mmsearch.media.thumbnails import thumbnail
from mmsearch.media.worker_pool import Outcome, Task, WorkerPool
from mmsearch.types import InputSpec


class PictureReader(Protocol):
    """Reads single pictures, for many threads; `MediaError` says why one cannot be read."""

    def pixels(self, source: Path | bytes, spec: InputSpec) -> NDArray[np.uint8]:
        """Pixels `(h, w, 3)` of the picture in a file, or in a file's bytes."""

    def thumbnail(self, path: Path, max_px: int) -> bytes:
        """JPEG, upright, its longer side at most `max_px`; never enlarged."""

    def close(self) -> None:
        """Let go of all processes; closing twice is harmless."""


class InlinePictures:
    """Reads pictures in this process."""

    def __init__(self, limits: DecodeLimits) -> None:
        self._limits = limits

    def pixels(self, source: Path | bytes, spec: InputSpec) -> NDArray[np.uint8]:
        """Pixels `(h, w, 3)` of the picture in a file, or in a file's bytes."""
        data = read_file(source, self._limits).data if isinstance(source, Path) else source
        return decode(data, spec, self._limits).pixels

    def thumbnail(self, path: Path, max_px: int) -> bytes:
        """JPEG, upright, its longer side at most `max_px`; never enlarged."""
        return thumbnail(path, max_px, self._limits)

    def close(self) -> None:
        """Nothing to let go of."""


class PicturePool:
    """Reads pictures in worker processes that stay.

    A picture that crashes, hangs or bloats its decoder fails alone, however often it is asked
    for; its worker is replaced.
    """

    def __init__(self, limits: DecodeLimits, workers: int) -> None:
        self._pool = WorkerPool(limits, workers)

    @property
    def worker_pids(self) -> tuple[int, ...]:
        """Process ids of the workers that run now."""
        return self._pool.worker_pids

    def pixels(self, source: Path | bytes, spec: InputSpec) -> NDArray[np.uint8]:
        """Pixels `(h, w, 3)` of the picture in a file, or in a file's bytes."""
        resampling(spec)  # an unknown one is the caller's mistake, not the picture's
        made = self._done(Job(source, spec))
        return np.frombuffer(made, np.uint8).reshape(spec.height, spec.width, 3)

    def thumbnail(self, path: Path, max_px: int) -> bytes:
        """JPEG, upright, its longer side at most `max_px`; never enlarged."""
        return bytes(self._done(Job(path, max_px)))

    def close(self) -> None:
        """End all workers; closing twice is harmless."""
        self._pool.close()

    def _done(self, job: Job) -> bytearray:
        """What a worker makes of a job.

        Raises:
            MediaError: Why it cannot be made.
        """
        done: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._pool.submit(Task(job, done.put))
        outcome = done.get()
        if isinstance(outcome, MediaError):
            # One object may be delivered to several threads: each raises one of its own.
            raise MediaError(str(outcome)) from outcome
        reply, made = outcome
        if reply.error is not None:
            raise MediaError(reply.error)
        return made
