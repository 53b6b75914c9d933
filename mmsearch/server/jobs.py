"""Jobs, which index or optimize: one at a time, in a thread, on a library of their own."""

from __future__ import annotations

import logging
import os
import secrets
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from mmsearch.engine.records import IndexOptions
from mmsearch.errors import MmsearchError
from mmsearch.server.problems import Problem, Refused, problem_of
from mmsearch.server.shapes import Json, optimized_json, shown, summary_json

if TYPE_CHECKING:
    from mmsearch.engine.library import Library
    from mmsearch.engine.upkeep.findings import OptimizeReport
    from mmsearch.types import IndexSummary

_LOG = logging.getLogger(__name__)
_MAX_KEPT = 50
_JOB_NICENESS = 10
_MAX_WARNINGS = 1000


class Task(StrEnum):
    """What a job does."""

    INDEX = "index"
    OPTIMIZE = "optimize"

    @property
    def doing(self) -> str:
        """The work as a noun."""
        return "indexing" if self is Task.INDEX else "optimizing"


class JobState(StrEnum):
    """How far a job is."""

    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Stage(StrEnum):
    """What a job is at."""

    SCAN = "scan"
    READ = "read"
    MODEL = "model"
    PICTURES = "pictures"
    CAPTIONS = "captions"
    OPTIMIZE = "optimize"


@dataclass(slots=True)
class Job:
    """One piece of work as it goes: written by its thread, read by others.

    `version` counts changes. Each field is replaced, none is changed in place but `warnings`,
    which only grows.
    """

    job_id: str
    task: Task
    paths: tuple[Path, ...] = ()
    state: JobState = JobState.RUNNING
    stage: Stage = Stage.SCAN
    found: int = 0
    done: int = 0
    total: int = 0
    failed: int = 0
    model: str | None = None
    warnings: list[str] = field(default_factory=list)
    n_warnings: int = 0
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    finished_at: datetime | None = None
    summary: IndexSummary | None = None
    optimized: OptimizeReport | None = None
    error: Problem | None = None
    version: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.finished_at is not None

    def to_json(self) -> Json:
        """The job as clients see it."""
        ended = self.finished_at
        return {
            "job_id": self.job_id,
            "task": str(self.task),
            "state": str(self.state),
            "stage": str(self.stage),
            "found": self.found,
            "done": self.done,
            "total": self.total,
            "failed": self.failed,
            "model": self.model,
            "paths": [shown(path) for path in self.paths],
            "n_warnings": self.n_warnings,
            "started_at": self.started_at.isoformat(),
            "finished_at": None if ended is None else ended.isoformat(),
            "summary": None if self.summary is None else summary_json(self.summary),
            "optimized": None if self.optimized is None else optimized_json(self.optimized),
            "error": None if self.error is None else self.error.fields(""),
        }


@dataclass(frozen=True, slots=True)
class _End:
    """How the work of a job ended, and what it did."""

    state: JobState = JobState.FAILED
    summary: IndexSummary | None = None
    optimized: OptimizeReport | None = None
    error: Problem | None = None


_Work: TypeAlias = "Callable[[Library, _Watcher], _End]"


class _Watcher:
    """Keeps a job's record; stops the work where nothing is half done."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def on_scan(self, found: int) -> None:
        """Keep; a safe point."""
        self._job.stage, self._job.found = Stage.SCAN, found
        self._changed()

    def on_read(self, done: int, total: int) -> None:
        """Keep; a safe point."""
        self._job.stage, self._job.done, self._job.total = Stage.READ, done, total
        self._changed()

    def on_model(self, name: str) -> None:
        """Keep."""
        self._job.stage, self._job.model = Stage.MODEL, name
        self._job.version += 1

    def on_progress(self, done: int, total: int, failed: int) -> None:
        """Keep; a safe point."""
        job = self._job
        job.stage, job.done, job.total, job.failed = Stage.PICTURES, done, total, failed
        self._changed()

    def on_captions(self, done: int, total: int) -> None:
        """Keep; a safe point."""
        self._job.stage, self._job.done, self._job.total = Stage.CAPTIONS, done, total
        self._changed()

    def on_step(self, _step: str, done: int, total: int | None) -> None:
        """Keep; a safe point."""
        self._job.stage, self._job.done, self._job.total = Stage.OPTIMIZE, done, total or 0
        self._changed()

    def on_warning(self, message: str) -> None:
        """Keep; of very many only the first."""
        job = self._job
        job.n_warnings += 1
        if len(job.warnings) < _MAX_WARNINGS:
            job.warnings.append(message.encode("utf-8", "backslashreplace").decode())
        job.version += 1

    def _changed(self) -> None:
        self._job.version += 1
        if self._job.state is JobState.CANCELLING:
            raise KeyboardInterrupt  # the engine's own sign to end early and keep what is done


class Jobs:
    """The jobs of one server, newest first."""

    def __init__(self, open_library: Callable[[], Library], on_end: Callable[[str], None]) -> None:
        self._open_library = open_library
        self._on_end = on_end
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._thread: threading.Thread | None = None

    def start(self, paths: Sequence[Path], options: IndexOptions | None = None) -> Job:
        """A new job over `paths`; it asks nobody: what `options` do not allow is held back.

        Raises:
            Refused: One is running (409).
        """

        def index(library: Library, watcher: _Watcher) -> _End:
            summary = library.index(paths, options or IndexOptions(), watcher)
            return _End(JobState.CANCELLED if summary.interrupted else JobState.DONE, summary)

        return self._started(Job(secrets.token_urlsafe(8), Task.INDEX, tuple(paths)), index)

    def start_optimizing(self) -> Job:
        """A new job that optimizes the index.

        Raises:
            Refused: One is running (409).
        """

        def optimize(library: Library, watcher: _Watcher) -> _End:
            return _End(JobState.DONE, optimized=library.optimize(watcher))

        job = Job(secrets.token_urlsafe(8), Task.OPTIMIZE, stage=Stage.OPTIMIZE)
        return self._started(job, optimize)

    def _started(self, job: Job, work: _Work) -> Job:
        with self._lock:
            running = [one.task.doing for one in self._jobs.values() if not one.is_over]
            if running:
                raise Refused(Problem(409, f"an {running[0]} job is running: wait, or cancel it"))
            self._jobs[job.job_id] = job
            while len(self._jobs) > _MAX_KEPT:
                self._jobs.popitem(last=False)
            self._thread = threading.Thread(
                target=self._run, args=(job, work), name=job.task.doing, daemon=True
            )
            self._thread.start()
        return job

    def get(self, job_id: str) -> Job:
        """The job of an id.

        Raises:
            Refused: There is none (404).
        """
        with self._lock:
            job = self._jobs.get(job_id)
        if job is None:
            raise Refused(Problem(404, "no job has this id"))
        return job

    def listing(self) -> list[Job]:
        """All jobs that are still known, newest first."""
        with self._lock:
            return list(reversed(self._jobs.values()))

    def cancel(self, job_id: str) -> Job:
        """The job, which ends at its next safe point; one that is over stays as it is."""
        job = self.get(job_id)
        with self._lock:
            if job.state is JobState.RUNNING:
                job.state = JobState.CANCELLING
                job.version += 1
        return job

    def stop(self, timeout_s: float) -> None:
        """Cancel what runs; wait until it has ended, or for the timeout."""
        for job in self.listing():
            self.cancel(job.job_id)
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self, job: Job, work: _Work) -> None:
        _step_back()
        try:
            with self._open_library() as library:
                end = work(library, _Watcher(job))
        except KeyboardInterrupt:  # asked for where the engine does not catch it
            end = _End(JobState.CANCELLED)
        except MmsearchError as exc:
            end = _End(error=problem_of(exc))
        except Exception:  # noqa: BLE001 - a job is not to end without a word
            _LOG.exception("an %s job failed", job.task.doing)
            end = _End(error=Problem(500, f"{job.task.doing} failed: the server's log says why"))
        with self._lock:
            job.summary, job.optimized = end.summary, end.optimized
            job.error, job.state = end.error, end.state
            job.version += 1
            job.finished_at = datetime.now(UTC)
        self._on_end(str(end.state))


def _step_back() -> None:
    """Let searches go before this thread and the processes it starts, where the system can."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        now = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, max(now, _JOB_NICENESS))
