"""Watches how much memory a process and its children take, from outside. Linux only."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_PAUSE_S = 0.05
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)
_SHARE = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


class MemoryWatch:
    """Peaks in MB (10^6), while it is entered: of the process, of any child, of all together.

    The first two are the system's own records of resident memory, exact; the third is the sum of
    proportional shares, looked at 20 times a second.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.main_mb = self.child_mb = self.tree_mb = 0.0
        self.children: set[int] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(_PAUSE_S):
            children = _children(self._pid)
            self.children |= set(children)
            self.main_mb = max(self.main_mb, _kilobytes(self._pid, "status", _PEAK) / 1e3)
            peaks = [_kilobytes(pid, "status", _PEAK) / 1e3 for pid in children]
            self.child_mb = max(self.child_mb, *peaks, 0.0)
            shares = [_kilobytes(pid, "smaps_rollup", _SHARE) for pid in (self._pid, *children)]
            self.tree_mb = max(self.tree_mb, sum(shares) / 1e3)


def _children(parent: int) -> list[int]:
    """Ids of a process's children."""
    numbers = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
    # After the name, which may hold anything, in parentheses: state, id of the parent.
    after_name = ((pid, _text(Path(f"/proc/{pid}/stat")).rpartition(")")[2]) for pid in numbers)
    return [pid for pid, rest in after_name if rest.split()[1:2] == [str(parent)]]


def _kilobytes(pid: int, name: str, pattern: re.Pattern[str]) -> float:
    """A number of kB (2^10) in one of a process's files, in units of 10^3 bytes; 0 if it ended."""
    match = pattern.search(_text(Path(f"/proc/{pid}/{name}")))
    return int(match[1]) * 1.024 if match else 0.0


def _text(file: Path) -> str:
    try:
        return file.read_text("ascii", "replace")
    except OSError:
        return ""
