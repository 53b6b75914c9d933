"""The parent's end of one decode worker: start it, talk to it, end it, say how it died."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from io import RawIOBase
from typing import IO, cast

from mmsearch.errors import MediaError
from mmsearch.media import frames
from mmsearch.media.frames import Job, Reply, WorkOrder
from mmsearch.media.limits import DecodeLimits
from mmsearch.media.refusals import too_slow

log = logging.getLogger(__name__)

START_TIMEOUT_S = 120.0
START_ATTEMPTS = 3
WAS_KILLED = (
    "the decoder was killed (SIGKILL), as systems do when memory runs out: lower decode_workers"
)
_PIPE_BYTES = 1 << 20
_F_SETPIPE_SZ = 1031


class WorkerLink:
    """One worker process, started when first needed and again after it died.

    One thread starts it, submits and receives; any thread may call `stop` and `stop_if_late`.
    """

    def __init__(self, limits: DecodeLimits) -> None:
        self._order = WorkOrder(limits, os.getpid())
        self._lock = threading.Lock()
        self._worker: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._waiting_since: float | None = None
        self._patience_s = limits.timeout_s
        self._turn = 0
        self._late_turn = -1
        self.submitted = 0

    @property
    def pid(self) -> int | None:
        """Id of the running process, None between two."""
        worker = self._worker
        return worker.pid if worker is not None and worker.poll() is None else None

    def start(self) -> None:
        """Have a worker that is ready for jobs; a running one stays.

        Raises:
            MediaError: It failed to start several times; the message has its last words.
        """
        if self._worker is not None:
            return
        reason = ""
        for _ in range(START_ATTEMPTS):
            with tempfile.TemporaryFile() as errors:
                if not self._launch(errors) or self._is_ready():
                    return
                cause = self.bury()[1]
                if self._stopped:  # the pool was closed meanwhile: no news
                    return
                errors.seek(0)
                lines = errors.read().decode("utf-8", "replace").split("\n")
                reason = next((line.strip() for line in reversed(lines) if line.strip()), cause)
            log.warning("a decode worker did not start: %s", reason)
        raise MediaError(f"decode workers cannot be started ({reason}): reinstall mmsearch")

    def submit(self, job: Job) -> None:
        """Send one job. A worker that died meanwhile is noticed by `receive`."""
        if self.submitted == 0:
            self._await(self._order.limits.timeout_s)
        self.submitted += 1
        try:
            frames.write_all(self._stream("stdin"), frames.pack_job(job))
        except (OSError, ValueError):
            log.debug("a decode worker died before it took a job")

    def receive(self) -> tuple[Reply, bytearray] | None:
        """The reply to the oldest job under way; None when the worker died over it."""
        try:
            answer = frames.read_reply(self._stream("stdout"))
        except (OSError, ValueError):
            answer = None
        if answer is not None:
            with self._lock:
                self.submitted -= 1
                self._turn += 1
                self._waiting_since = time.monotonic() if self.submitted else None
        return answer

    def bury(self) -> tuple[bool, str]:
        """Whether the dead worker had taken too long, and the reason in words."""
        with self._lock:
            worker, self._worker = self._worker, None
            self._waiting_since = None
        timed_out = self._late_turn == self._turn
        self._turn += 1
        self.submitted = 0
        if worker is None:
            return False, "the decode worker was stopped"
        worker.kill()
        status = worker.wait()
        for stream in (worker.stdin, worker.stdout):
            if stream is not None:
                stream.close()
        if timed_out or _cause(status) == "SIGALRM":
            return True, too_slow(self._order.limits)
        if _cause(status) == "SIGKILL":
            return False, WAS_KILLED
        return False, f"the decoder crashed ({_cause(status)})"

    def stop_if_late(self) -> None:
        """End the worker if its current file takes longer than allowed."""
        with self._lock:
            since, turn = self._waiting_since, self._turn
            if since is not None and time.monotonic() - since > self._patience_s:
                self._late_turn = turn
                self._kill()

    def stop(self) -> None:
        """End the worker for good."""
        with self._lock:
            self._stopped = True
            self._kill()

    def _kill(self) -> None:
        if self._worker is not None:
            self._worker.kill()

    def _launch(self, errors: IO[bytes]) -> bool:
        """Start the process; False when this link was stopped for good."""
        with self._lock:
            if self._stopped:
                return False
            self._worker = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-I", "-S", "-c", _bootstrap(), frames.dump_order(self._order)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
                # A group of its own: Ctrl-C in the terminal reaches the parent alone.
                process_group=0 if os.name == "posix" else None,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        _widen(self._stream("stdout"))
        return True

    def _is_ready(self) -> bool:
        self._await(START_TIMEOUT_S)
        try:
            first = frames.read_exactly(self._stream("stdout"), len(frames.READY))
            return first is not None and bytes(first) == frames.READY
        finally:
            self._waiting_since = None

    def _await(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._waiting_since = time.monotonic()

    def _stream(self, name: str) -> RawIOBase:
        worker = self._worker
        if worker is None:
            raise ValueError("no worker runs")
        return cast("RawIOBase", getattr(worker, name))


def _bootstrap() -> str:
    """A program that finds the same packages as this one, and imports nothing else of it.

    One thread for linear algebra: there is a worker for each core already.
    """
    places = [place for place in sys.path if place]
    return (
        "import os, sys; os.putenv('OPENBLAS_NUM_THREADS', '1'); "
        f"sys.path[:] = {places!r}; "
        "from mmsearch.media.worker import main; main(sys.argv[1])"
    )


def _widen(pipe: RawIOBase) -> None:
    """Let a whole reply fit into the pipe, so that the worker goes on while nobody reads."""
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):  # a system limit; the default size works too
            fcntl.fcntl(pipe.fileno(), _F_SETPIPE_SZ, _PIPE_BYTES)


def _cause(status: int) -> str:
    """An exit status in words."""
    if status < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-status).name
    return f"exit status {status}"
