"""Decodes files in worker processes, so that no file can stop, hang or crash a run.

One thread a worker feeds it over pipes and reads its replies; one watchdog thread ends workers
that take too long. Two jobs are under way a worker, so that it never waits for the parent's
interpreter. Pixels travel through the pipe: 150 kB cost 0.1 ms, so shared memory would gain
nothing that can be seen beside a decode.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from mmsearch.errors import MediaError
from mmsearch.media.frames import Reply
from mmsearch.media.geometry import resampling
from mmsearch.media.limits import DecodeLimits
from mmsearch.media.worker_link import WorkerLink
from mmsearch.types import InputSpec, MediaMetadata

log = logging.getLogger(__name__)

JOBS_UNDER_WAY = 2
"""Jobs a worker holds at once: the one it decodes and the next."""

CRASHES_ALLOWED = 1
"""A file is tried again this often after its worker died, lest an innocent one be blamed."""


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


@dataclass(slots=True, eq=False)
class _Run:
    """One call of `decode`: where its results go, and whether anyone still wants them."""

    done: queue.SimpleQueue[DecodedFile | MediaError] = field(default_factory=queue.SimpleQueue)
    abandoned: bool = False


@dataclass(slots=True, eq=False)
class _Task:
    job: DecodeJob
    run: _Run
    crashes: int = 0


class DecodePool:
    """Worker processes that decode files to one model's input.

    Workers start with their first job and are replaced when they die. The pool may be used for
    several runs, one after the other, and is to be closed.
    """

    def __init__(self, spec: InputSpec, limits: DecodeLimits, workers: int) -> None:
        if workers < 1:
            raise ValueError(f"a decode pool needs at least one worker, not {workers}")
        resampling(spec)  # an unknown one is the caller's mistake, not each file's
        self._spec = spec
        self._limits = limits
        self._todo: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._links = [WorkerLink(spec, limits) for _ in range(workers)]
        self._threads = [
            threading.Thread(target=self._feed, args=(link,), name="mmsearch-decode", daemon=True)
            for link in self._links
        ]
        watchdog = threading.Thread(target=self._watch, name="mmsearch-watchdog", daemon=True)
        self._threads.append(watchdog)
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> DecodePool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def worker_pids(self) -> tuple[int, ...]:
        """Process ids of the workers that run now."""
        return tuple(link.pid for link in self._links if link.pid is not None)

    def decode(self, jobs: Iterable[DecodeJob], look_ahead: int) -> Iterator[DecodedFile]:
        """Results in the order they are finished, one for each job.

        At most `look_ahead` files are under way or waiting to be taken, which bounds memory.
        `jobs` is read as results are taken, in the caller's thread. Leaving the iterator early
        drops the rest.

        Raises:
            MediaError: Worker processes cannot be started at all.
        """
        if self._closed.is_set():
            raise ValueError("this decode pool is closed")
        run = _Run()
        source = iter(jobs)
        try:
            under_way = 0
            while True:
                for job in islice(source, max(1, look_ahead) - under_way):
                    self._todo.put(_Task(job, run))
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
        self._closed.set()
        for _ in self._links:
            self._todo.put(None)
        for link in self._links:
            link.stop()
        for thread in self._threads:
            thread.join()
        _fail(self._left_over(), MediaError("the decode pool was closed"))

    def _left_over(self) -> list[_Task]:
        """Tasks that no worker took."""
        tasks: list[_Task] = []
        while not self._todo.empty():
            task = self._todo.get()
            if task is not None:
                tasks.append(task)
        return tasks

    def _watch(self) -> None:
        """End workers whose current file takes longer than allowed."""
        pause_s = min(1.0, self._limits.timeout_s / 4)
        while not self._closed.wait(pause_s):
            for link in self._links:
                link.stop_if_late()

    def _feed(self, link: WorkerLink) -> None:
        """Give one worker its jobs and deliver its results, until the pool is closed."""
        held: list[_Task] = []
        while self._fill(held):
            try:
                self._answer(link, held)
            except MediaError as exc:
                _fail(held, exc)
            except BaseException as exc:
                _fail(held, MediaError(f"the decode pool failed: {exc}"))
                raise
        link.stop()
        link.bury()
        _fail(held, MediaError("the decode pool was closed"))

    def _fill(self, held: list[_Task]) -> bool:
        """Fill up the tasks a worker holds, waiting for the first; False when the pool closes."""
        while len(held) < JOBS_UNDER_WAY:
            try:
                task = self._todo.get(block=not held)
            except queue.Empty:
                break
            if task is None:
                return False
            if not task.run.abandoned:
                held.append(task)
        return not self._closed.is_set()

    def _answer(self, link: WorkerLink, held: list[_Task]) -> None:
        """Deliver what became of the first task held; after a crash, maybe nothing yet."""
        link.start()
        for task in held[link.submitted :]:
            link.submit(task.job.path)
        answer = link.receive()
        if self._closed.is_set():
            return
        task = held.pop(0)
        if answer is not None:
            task.run.done.put(self._decoded(task.job, *answer))
            return
        timed_out, reason = link.bury()
        task.crashes += 1
        if timed_out or task.crashes > CRASHES_ALLOWED:
            log.warning("%s: %s", task.job.path, reason)
            task.run.done.put(self._decoded(task.job, _no_reply(reason), bytearray()))
        else:
            held.insert(0, task)

    def _decoded(self, job: DecodeJob, reply: Reply, pixels: bytearray) -> DecodedFile:
        shape = (self._spec.height, self._spec.width, 3)
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


def _no_reply(reason: str) -> Reply:
    return Reply(digest="", size_bytes=0, mtime_ns=0, metadata=None, error=reason)


def _fail(held: list[_Task], error: MediaError) -> None:
    for task in held:
        task.run.done.put(error)
    held.clear()
