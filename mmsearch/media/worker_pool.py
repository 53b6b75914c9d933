"""Worker processes that do one job after another, so that no picture can stop its owner.

One thread a worker feeds it over pipes and reads its replies; one watchdog thread ends workers
that take too long. What is made travels through the pipe: 150 kB cost 0.1 ms, so shared memory
would gain nothing that can be seen beside a decode.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from mmsearch.errors import MediaError
from mmsearch.media.frames import Job, Reply
from mmsearch.media.limits import DecodeLimits
from mmsearch.media.worker_link import WorkerLink

log = logging.getLogger(__name__)

CRASHES_ALLOWED = 1
"""A job is tried again this often after its worker died, lest an innocent one be blamed."""

CRASHES_IN_A_ROW = 100
"""So many files that crash, with no answer to any between them, are no longer the files' fault."""

Outcome: TypeAlias = tuple[Reply, bytearray] | MediaError
"""The reply to a job with what was made; an error where no worker could take it at all."""


@dataclass(slots=True, eq=False)
class Task:
    """A job on its way. `deliver` is called once with what became of it, in a pool's thread."""

    job: Job
    deliver: Callable[[Outcome], None]
    is_wanted: Callable[[], bool] = lambda: True
    crashes: int = 0


class WorkerPool:
    """Workers that start with their first job and are replaced when they die; to be closed.

    Each holds `jobs_a_worker` jobs at once: with two it never waits for this process, but then a
    job must be short, as both sides could otherwise wait for the other to read.
    """

    def __init__(self, limits: DecodeLimits, workers: int, jobs_a_worker: int = 1) -> None:
        if workers < 1:
            raise ValueError(f"a pool needs at least one worker, not {workers}")
        self._limits = limits
        self._jobs_a_worker = jobs_a_worker
        self._todo: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = threading.Event()
        self._crashed_in_a_row = 0  # approximate where several threads count: that is enough
        self._links = [WorkerLink(limits) for _ in range(workers)]
        self._threads = [
            threading.Thread(target=self._feed, args=(link,), name="mmsearch-decode", daemon=True)
            for link in self._links
        ]
        watchdog = threading.Thread(target=self._watch, name="mmsearch-watchdog", daemon=True)
        self._threads.append(watchdog)
        for thread in self._threads:
            thread.start()

    @property
    def is_closed(self) -> bool:
        """Whether no more jobs are taken."""
        return self._closed.is_set()

    @property
    def worker_pids(self) -> tuple[int, ...]:
        """Process ids of the workers that run now."""
        return tuple(link.pid for link in self._links if link.pid is not None)

    def submit(self, task: Task) -> None:
        """Have a job done; a closed pool delivers an error."""
        with self._closing:
            if not self._closed.is_set():
                self._todo.put(task)
                return
        _fail([task], MediaError("the decode pool was closed"))

    def close(self) -> None:
        """End all workers now; what they were doing is lost. May be called twice."""
        with self._closing:
            self._closed.set()
        for _ in self._links:
            self._todo.put(None)
        for link in self._links:
            link.stop()
        for thread in self._threads:
            thread.join()
        _fail(self._left_over(), MediaError("the decode pool was closed"))

    def _left_over(self) -> list[Task]:
        """Tasks that no worker took."""
        tasks: list[Task] = []
        while not self._todo.empty():
            task = self._todo.get()
            if task is not None:
                tasks.append(task)
        return tasks

    def _watch(self) -> None:
        """End workers whose current job takes longer than allowed."""
        pause_s = min(1.0, self._limits.timeout_s / 4)
        while not self._closed.wait(pause_s):
            for link in self._links:
                link.stop_if_late()

    def _feed(self, link: WorkerLink) -> None:
        """Give one worker its jobs and deliver its results, until the pool is closed."""
        held: list[Task] = []
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

    def _fill(self, held: list[Task]) -> bool:
        """Fill up the tasks a worker holds, waiting for the first; False when the pool closes."""
        while len(held) < self._jobs_a_worker:
            try:
                task = self._todo.get(block=not held)
            except queue.Empty:
                break
            if task is None:
                return False
            if task.is_wanted():
                held.append(task)
        return not self._closed.is_set()

    def _answer(self, link: WorkerLink, held: list[Task]) -> None:
        """Deliver what became of the first task held; after a crash, maybe nothing yet."""
        link.start()
        for task in held[link.submitted :]:
            link.submit(task.job)
        answer = link.receive()
        if self._closed.is_set():
            return
        task = held.pop(0)
        if answer is not None:
            self._crashed_in_a_row = 0
            task.deliver(answer)
            return
        timed_out, reason = link.bury()
        task.crashes += 1
        if timed_out or task.crashes > CRASHES_ALLOWED:
            log.warning("%s: %s", task.job.name, reason)
            self._crashed_in_a_row += not timed_out
            if self._crashed_in_a_row >= CRASHES_IN_A_ROW:
                held.insert(0, task)
                raise MediaError(
                    f"{CRASHES_IN_A_ROW} files in a row, the last {task.job.name}: {reason}; "
                    "if memory is not short, reinstall mmsearch, then give --retry-failed"
                )
            task.deliver((Reply("", 0, 0, None, reason), bytearray()))
        else:
            held.insert(0, task)


def _fail(held: list[Task], error: MediaError) -> None:
    for task in held:
        task.deliver(error)
    held.clear()
