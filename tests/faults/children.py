"""Forks of a warm process: each does one thing, and may die of it."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

Result = TypeVar("Result")

TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Ended(Generic[Result]):
    """How a child ended: its result, or None where it died; what it wrote."""

    result: Result | None
    signal: int
    stdout: str
    stderr: str


def in_child(work: Callable[[], Result], folder: Path) -> Ended[Result]:
    """What `work` gives in a fork of this process; its output goes through files in `folder`."""
    streams = [folder / "stdout", folder / "stderr", folder / "result"]
    descriptors = [os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600) for file in streams]
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        _be_child(work, descriptors)
    _, status = os.waitpid(pid, 0)
    for descriptor in descriptors:
        os.close(descriptor)
    texts = [file.read_text("utf-8", "replace") for file in streams[:2]]
    pickled = streams[2].read_bytes()
    return Ended(
        pickle.loads(pickled) if pickled else None,  # noqa: S301 - our own
        os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        *texts,
    )


def _be_child(work: Callable[[], Result], descriptors: list[int]) -> None:
    """Do the work and end this process, whatever comes of it."""
    try:
        signal.alarm(TIMEOUT_S)
        os.dup2(descriptors[0], 1)
        os.dup2(descriptors[1], 2)
        result = work()
        os.write(descriptors[2], pickle.dumps(result))
    except BaseException:  # noqa: BLE001 - nothing may get out of the fork
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
