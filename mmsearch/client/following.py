"""A server's indexing job, followed to its end as if it ran here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mmsearch.client.index_shapes import JobShape
from mmsearch.client.wire import Wire, error_of
from mmsearch.errors import RemoteError
from mmsearch.types import IndexSummary

if TYPE_CHECKING:
    from mmsearch.engine.progress import ProgressListener

_OVER = frozenset(("done", "cancelled", "failed"))


def follow(wire: Wire, job: JobShape, progress: ProgressListener) -> IndexSummary:
    """What the job did, once it is over; Ctrl-C cancels it and waits for its end.

    Raises:
        MmsearchError: The job failed; or the server stopped meanwhile.
    """
    try:
        ended = _listen(wire, job, progress)
    except KeyboardInterrupt:
        wire.delete(f"/jobs/{job.job_id}", JobShape)
        ended = _listen(wire, job, progress)
    if ended.error is not None:
        raise error_of(ended.error.type, ended.error.detail) or RemoteError(
            f"indexing failed at {wire.url}: {ended.error.detail}"
        )
    if ended.state not in _OVER:
        raise RemoteError(f"{wire.url} stopped while it indexed: what was done is kept")
    return IndexSummary(interrupted=True) if ended.summary is None else ended.summary


def _listen(wire: Wire, job: JobShape, progress: ProgressListener) -> JobShape:
    """The job as it was last heard of."""
    latest = job
    with wire.events(f"/jobs/{job.job_id}/events") as events:
        for event in events:
            if event.event == "warning":
                progress.on_warning(json.loads(event.data)["message"])
                continue
            before, latest = latest, JobShape.model_validate_json(event.data)
            _tell(before, latest, progress)
            if event.event == "done":
                break
    return latest


def _tell(before: JobShape, job: JobShape, progress: ProgressListener) -> None:
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
