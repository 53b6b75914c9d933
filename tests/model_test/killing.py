"""Ways for a process to die, or to meet a full disk, in the midst of its work."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHANGES = frozenset(
    ("os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "sqlite3.connect")
)
_SMALLEST_BYTES = 32 << 10


@dataclass(frozen=True, slots=True)
class Plan:
    """How a process is stopped. By `kind`:

    "event": killed before its n-th change of the disk that Python can see: opening a file to
    write, renaming, removing, flushing; or with the n-th file of vectors half written.
    "statement": killed before its n-th statement of SQL.
    "torn": killed by the system within the write that would make a file longer than `share` of
    what the `file` is now: so a log, a catalogue or a vector file ends in the midst of a write.
    "full": the same limit, but the write fails, as on a full disk.
    "after": killed after `share` of the time that such an operation takes (by the zygote).
    "interrupt": sent the signal of Ctrl-C after such a time, by which it ends well (likewise).
    "interrupt": sent the signal of Ctrl-C after such a time, by which it ends well (likewise).
    "log": killed when SQLite's log has changed its size n times, which is amid a commit (likewise).
    """

    kind: str = ""
    n: int = 0
    share: float = 0.0
    file: str = ""

    def arm(self, index_dir: Path) -> None:
        """Make this process die as planned."""
        if self.kind == "event":
            _watch_disk(_Fuse(self.n))
        elif self.kind == "statement":
            _watch_statements(_Fuse(self.n))
        elif self.kind in ("torn", "full"):
            deadly = self.kind == "torn"
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL if deadly else signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            most = int(self.share * max(_SMALLEST_BYTES, _size(index_dir, self.file)))
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


class _Fuse:
    """Kills this process when it was lit n times."""

    def __init__(self, n: int) -> None:
        self._left = n

    def light(self) -> None:
        """Once nearer to the end."""
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _watch_disk(fuse: _Fuse) -> None:
    """Count what changes files, by audit events, and flushing, which has none."""

    def look(event: str, arguments: tuple[object, ...]) -> None:
        writes = event == "open" and arguments[1] not in ("r", "rb", None)
        if event in CHANGES or writes:
            fuse.light()

    flush = os.fsync

    def counted(descriptor: int) -> None:
        fuse.light()
        flush(descriptor)

    os.fsync = counted
    _write_vectors_in_two(fuse)
    sys.addaudithook(look)


def _write_vectors_in_two(fuse: _Fuse) -> None:
    """Let FAISS write a file, cut it in the middle, count; then let it be written whole."""
    import faiss

    write: Callable[..., None] = faiss.write_index

    def counted(index: Any, target: Any) -> None:
        write(index, target)
        if isinstance(target, str):  # else lists, which go into a file that is open
            os.truncate(target, Path(target).stat().st_size // 2)
            fuse.light()
            write(index, target)
        else:
            fuse.light()

    faiss.write_index = counted


def _watch_statements(fuse: _Fuse) -> None:
    """Count the statements of every connection that is opened from now on."""
    connect = sqlite3.connect

    def watched(*arguments: Any, **options: Any) -> sqlite3.Connection:
        raw: sqlite3.Connection = connect(*arguments, **options)
        raw.set_trace_callback(lambda _: fuse.light())
        return raw

    sqlite3.connect = watched


def _size(index_dir: Path, file: str) -> int:
    """How long a kind of file is now, the longest of its kind."""
    pattern = {"log": "*-wal", "catalogue": "*.sqlite3", "vectors": "vectors/*.faiss"}
    found = index_dir.glob(pattern.get(file, "**/*"))
    return max((path.stat().st_size for path in found if path.is_file()), default=0)
