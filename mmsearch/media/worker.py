"""The worker: a process that reads, digests and decodes one picture after another.

It is started by `mmsearch.media.worker_link` as a plain program, not by multiprocessing: nothing of
the parent is imported again, so a script without a main guard works. It dies with its parent,
leaves Ctrl-C to it, and may crash on a file without harm to anything else.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import math
import os
import signal
import sys
from pathlib import Path

from mmsearch.errors import MediaError
from mmsearch.media import frames
from mmsearch.media.decode import decode
from mmsearch.media.digest import digest_bytes
from mmsearch.media.frames import Job, Reply, WorkOrder
from mmsearch.media.limits import FileBytes, read_file
from mmsearch.media.refusals import too_much_memory
from mmsearch.media.thumbnails import make_thumbnail
from mmsearch.types import MediaMetadata

ALARM_GRACE_S = 15
"""A worker ends itself this long after the pool should have ended it."""

_LIBRARIES_MB = 128
_PR_SET_PDEATHSIG = 1


def main(order_text: str) -> None:
    """Serve jobs from standard input until it ends; replies go to standard output."""
    order = frames.load_order(order_text)
    jobs = io.FileIO(os.dup(0), "rb")
    replies = io.FileIO(os.dup(1), "wb")
    _detach(order.parent_pid)
    _bound_memory(order.limits.memory_mb)
    frames.write_all(replies, frames.READY)
    _silence()
    while (job := frames.read_job(jobs)) is not None:
        _set_alarm(order.limits.timeout_s + ALARM_GRACE_S)
        reply, payload = work_within_memory(job, order)
        _set_alarm(0)
        frames.write_all(replies, frames.pack_reply(reply, len(payload)))
        frames.write_all(replies, payload)


def work_within_memory(job: Job, order: WorkOrder) -> tuple[Reply, memoryview]:
    """The reply to one job, an error where memory ran out anywhere on the way."""
    try:
        return work(job, order)
    except MemoryError:
        return Reply("", 0, 0, None, too_much_memory(order.limits)), memoryview(b"")


def work(job: Job, order: WorkOrder) -> tuple[Reply, memoryview]:
    """The reply to one job, and what was made (empty on failure)."""
    none = memoryview(b"")
    try:
        file = _read(job, order)
    except MediaError as exc:
        return Reply("", 0, 0, None, str(exc)), none
    digest = digest_bytes(file.data)
    try:
        metadata, made = _make(file.data, job, order)
    except MediaError as exc:
        return Reply(digest, file.size_bytes, file.mtime_ns, None, str(exc)), none
    return Reply(digest, file.size_bytes, file.mtime_ns, metadata, None), made


def _read(job: Job, order: WorkOrder) -> FileBytes:
    if isinstance(job.source, Path):
        return read_file(job.source, order.limits)
    return FileBytes(job.source, len(job.source), 0)


def _make(data: bytes, job: Job, order: WorkOrder) -> tuple[MediaMetadata | None, memoryview]:
    if isinstance(job.output, int):
        return None, memoryview(make_thumbnail(data, job.output, order.limits))
    picture = decode(data, job.output, order.limits)
    return picture.metadata, picture.pixels.data.cast("B")


def _detach(parent_pid: int) -> None:
    """Leave Ctrl-C to the parent; die when it dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        # Where memory runs out all the same, the system is to end this process and no other: it
        # is replaced, and its file is tried again.
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000", "ascii")
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent_pid:
            sys.exit(1)  # it died before the request above was made


def _bound_memory(memory_mb: int) -> None:
    """Let this process map little more than `memory_mb` beside what it has; then allocation fails.

    A little more, since decoders are loaded when a file first needs them, and since many call a
    file damaged where they get no memory: the header's claim is to be the first to refuse it.
    """
    if sys.platform != "linux":
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    allowed_mb = memory_mb + memory_mb // 4 + _LIBRARIES_MB
    limit = pages * resource.getpagesize() + (allowed_mb << 20)
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _silence() -> None:
    """Send what libraries print to nowhere: it would break replies or fill the parent's disk."""
    from PIL import AvifImagePlugin, Image

    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    # This process is ours: one thread a picture (there is a worker for each core), and limits
    # that come from DecodeLimits, not from Pillow's constant.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    Image.MAX_IMAGE_PIXELS = None


def _set_alarm(seconds: float) -> None:
    """Have the system end this process later (0: not), even inside a decoder that hangs."""
    if hasattr(signal, "alarm"):
        signal.alarm(math.ceil(seconds))
