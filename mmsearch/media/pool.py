"""Decodes files in worker processes, so that no file can stop, hang or crash a run.

Two jobs are under way a worker, so that it never waits for the parent's interpreter.
"""

from __future__ import annotations

import queue
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmsearch.closing import Closing
from mmsearch.errors import MediaError
from mmsearch.media.frames import Job, Reply
from mmsearch.media.geometry import resampling
from mmsearch.media.limits import DecodeLimits
from mmsearch.media.reading import UNREAD
from mmsearch.media.worker_pool import Outcome, Task, WorkerPool
from mmsearch.types import InputSpec, MediaMetadata

JOBS_A_WORKER = 2
"""Jobs a worker holds at once: the one it decodes and the next."""


@dataclass(frozen=True, slots=True)
class DecodeJob:
    """A file to decode; `key` is the caller's own number for it."""

    key: int
    path: Path


@dataclass(frozen=True, slots=True)
class DecodedFile:
    """What became of a job. Exactly one of `pixels` and `error` is given.

    `digest` (hexadecimal BLAKE3), `size_bytes` and `mtime_ns` belong to the very bytes decoded;
    "" and 0 when the file could not be read. `pixels` `(h, w, 3)` uint8 upright sRGB.
    """

    key: int
    path: Path
    digest: str
    size_bytes: int
    mtime_ns: int
    pixels: NDArray[np.uint8] | None
    metadata: MediaMetadata | None
    error: str | None

    @property
    def is_unread(self) -> bool:
        """Whether the system did not give the file's bytes: that may pass."""
        return self.error is not None and self.error.startswith(UNREAD)


@dataclass(slots=True, eq=False)
class _Run:
    """One call of `decode`: where its results go, and whether anyone still wants them."""

    spec: InputSpec
    done: queue.SimpleQueue[DecodedFile | MediaError] = field(default_factory=queue.SimpleQueue)
    abandoned: bool = False

    def task(self, job: DecodeJob) -> Task:
        """The task whose result comes to this run."""

        def deliver(outcome: Outcome) -> None:
            if isinstance(outcome, MediaError):
                self.done.put(outcome)
            else:
                self.done.put(_decoded(job, self.spec, *outcome))

        return Task(Job(job.path, self.spec), deliver, lambda: not self.abandoned)


class DecodePool(Closing):
    """Worker processes that decode files to one model's input.

    The pool may be used for several runs, one after the other, and is to be closed.
    """

    def __init__(self, spec: InputSpec, limits: DecodeLimits, workers: int) -> None:
        resampling(spec)  # an unknown one is the caller's mistake, not each file's
        self._spec = spec
        self._pool = WorkerPool(limits, workers, JOBS_A_WORKER)

    @property
    def worker_pids(self) -> tuple[int, ...]:
        """Process ids of the workers that run now."""
        return self._pool.worker_pids

    def decode(self, jobs: Iterable[DecodeJob], look_ahead: int) -> Iterator[DecodedFile]:
        """Results in the order they are finished, one for each job.

        At most `look_ahead` files are under way or waiting to be taken, which bounds memory.
        `jobs` is read as results are taken, in the caller's thread. Leaving the iterator early
        drops the rest.

        Raises:
            MediaError: Worker processes cannot be started at all.
        """
        if self._pool.is_closed:
            raise ValueError("this decode pool is closed")
        run = _Run(self._spec)
        source = iter(jobs)
        try:
            under_way = 0
            while True:
                for job in islice(source, max(1, look_ahead) - under_way):
                    self._pool.submit(run.task(job))
                    under_way += 1
                if under_way == 0:
                    return
                result = run.done.get()
                if isinstance(result, MediaError):
                    raise result
                under_way -= 1
                yield result
        finally:
            run.abandoned = True

    def close(self) -> None:
        """End all workers now; what they were decoding is lost. May be called twice."""
        self._pool.close()


def _decoded(job: DecodeJob, spec: InputSpec, reply: Reply, pixels: bytearray) -> DecodedFile:
    shape = (spec.height, spec.width, 3)
    return DecodedFile(
        key=job.key,
        path=job.path,
        digest=reply.digest,
        size_bytes=reply.size_bytes,
        mtime_ns=reply.mtime_ns,
        pixels=np.frombuffer(pixels, np.uint8).reshape(shape) if pixels else None,
        metadata=reply.metadata,
        error=reply.error,
    )
