"""A server's job, followed to its end as if it ran here."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from mmsearch.client.index_shapes import JobShape
from mmsearch.client.wire import Wire, error_of
from mmsearch.engine.upkeep.optimizing import STEP
from mmsearch.errors import RemoteError
from mmsearch.types import IndexSummary

if TYPE_CHECKING:
    from mmsearch.engine.progress import ProgressListener
    from mmsearch.engine.upkeep.findings import OptimizeReport, UpkeepListener

_OVER = frozenset(("done", "cancelled", "failed"))


def follow(wire: Wire, job: JobShape, progress: ProgressListener) -> IndexSummary:
    """What the job did, once it is over; Ctrl-C cancels it and waits for its end.

    Raises:
        MmsearchError: The job failed; or the server stopped meanwhile.
    """
    tell = partial(_tell, progress)
    try:
        ended = _listen(wire, job, tell, progress.on_warning)
    except KeyboardInterrupt:
        wire.delete(f"/jobs/{job.job_id}", JobShape)
        ended = _listen(wire, job, tell, progress.on_warning)
    _check_end(wire, ended, "indexing")
    return IndexSummary(interrupted=True) if ended.summary is None else ended.summary


def follow_optimizing(wire: Wire, job: JobShape, progress: UpkeepListener) -> OptimizeReport:
    """What the job did, once it is over; Ctrl-C cancels it, and is raised at its end.

    Raises:
        MmsearchError: The job failed, or was cancelled; or the server stopped meanwhile.
    """

    def tell(before: JobShape, after: JobShape) -> None:
        if (before.done, before.total) != (after.done, after.total):
            progress.on_step(STEP, after.done, after.total)

    try:
        ended = _listen(wire, job, tell, lambda _: None)
    except KeyboardInterrupt:
        wire.delete(f"/jobs/{job.job_id}", JobShape)
        _listen(wire, job, tell, lambda _: None)
        raise
    _check_end(wire, ended, "optimizing")
    if ended.optimized is None:
        raise RemoteError(f"optimizing was cancelled at {wire.url}: what was made anew is kept")
    return ended.optimized


def _check_end(wire: Wire, ended: JobShape, doing: str) -> None:
    """Pass when a job ended by itself, or was cancelled.

    Raises:
        MmsearchError: It failed, or its server stopped.
    """
    if ended.error is not None:
        raise error_of(ended.error.type, ended.error.detail) or RemoteError(
            f"{doing} failed at {wire.url}: {ended.error.detail}"
        )
    if ended.state not in _OVER:
        raise RemoteError(f"{wire.url} stopped while it was {doing}: what was done is kept")


def _listen(
    wire: Wire,
    job: JobShape,
    tell: Callable[[JobShape, JobShape], None],
    warn: Callable[[str], None],
) -> JobShape:
    """The job as it was last heard of; `tell` is told of it before and after each change."""
    latest = job
    with wire.events(f"/jobs/{job.job_id}/events") as events:
        for event in events:
            if event.event == "warning":
                warn(json.loads(event.data)["message"])
                continue
            before, latest = latest, JobShape.model_validate_json(event.data)
            tell(before, latest)
            if event.event == "done":
                break
    return latest


def _tell(progress: ProgressListener, before: JobShape, job: JobShape) -> None:
    """Tell the listener what is new."""
    if job.model is not None and job.model != before.model:
        progress.on_model(job.model)
    if job.found != before.found:
        progress.on_scan(job.found)
    counts = (job.done, job.total, job.failed)
    if counts == (before.done, before.total, before.failed):
        return
    if job.stage == "read":
        progress.on_read(job.done, job.total)
    elif job.stage == "captions":
        progress.on_captions(job.done, job.total)
    elif job.stage == "pictures":
        progress.on_progress(*counts)
