"""The shim that makes file operations fail: how it is built, told what to do, and read."""

from __future__ import annotations

import ctypes
import errno
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
_HEAD = struct.Struct("<IIQQQ")


class Kind(IntFlag):
    """What is done to a file."""

    OPEN = 1
    READ = 2
    WRITE = 4
    SYNC = 8
    RENAME = 16
    UNLINK = 32
    TRUNCATE = 64
    STAT = 128
    MAP = 256
    FOLDER = 512
    LIST = 1024
    LINK = 2048
    LOCK = 4096
    MODE = 8192
    CREATE = 1 << 14
    """Only in logs: an `OPEN` made the file."""


ALL = Kind((1 << 14) - 1)
CHANGING = (
    Kind.WRITE
    | Kind.SYNC
    | Kind.RENAME
    | Kind.UNLINK
    | Kind.TRUNCATE
    | Kind.FOLDER
    | Kind.LINK
    | Kind.MODE
)
"""What a disk that is full or cannot be written refuses."""


class Mode(IntEnum):
    """How often, and what instead of an error."""

    COUNT = 0
    ONCE = 1
    ON = 2
    """From then on."""
    KILL = 3
    TORN = 4
    """A write is half done, then the process is killed."""
    LOST = 5
    """A rename is told to be done and is not; the process is killed soon after."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What befalls event number `at` of the `kinds`, counted from 1."""

    kinds: Kind
    at: int
    mode: Mode
    error: int = 0

    def __str__(self) -> str:
        name = errno.errorcode.get(self.error, "")
        return f"{self.mode.name} {name} at {self.at} of {self.kinds!r}".replace("  ", " ")


NO_FAULT = Fault(ALL, 0, Mode.COUNT)


@dataclass(frozen=True, slots=True)
class Event:
    """One file operation; `data` is what is written, or the new name in a rename or a link."""

    kind: Kind
    path: str
    inode: int
    offset: int
    data: bytes


def why_not() -> str | None:
    """Why the shim cannot be used here; None where it can."""
    if sys.platform != "linux":
        return "LD_PRELOAD is tried on Linux only"
    if shutil.which("cc") is None:
        return "there is no C compiler here"
    return None


def build(folder: Path) -> Path:
    """The shim, compiled into a folder."""
    target = folder / "shim.so"
    command = ["cc", "-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"]
    libraries = ["-ldl", "-lpthread"]
    subprocess.run([*command, "-o", str(target), str(SOURCE), *libraries], check=True, timeout=60)
    return target


def environment(
    library: Path, folder: Path | None = None, fault: Fault | None = None
) -> dict[str, str]:
    """What starts a process under the shim, armed from the start where there is a fault.

    With one thread for each library of numbers, so that it can fork.
    """
    given = {"LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    if folder is None or fault is None:
        return given
    return {
        **given,
        "FAULTS_FOLDER": str(folder),
        "FAULTS_KINDS": str(int(fault.kinds)),
        "FAULTS_AT": str(fault.at),
        "FAULTS_ERRNO": str(fault.error),
        "FAULTS_MODE": str(int(fault.mode)),
    }


def arm(folder: Path, fault: Fault) -> None:
    """Let a fault befall this process, which was started with the shim."""
    calls = ctypes.CDLL(None)
    calls.faults_arm(
        str(folder).encode(), int(fault.kinds), ctypes.c_long(fault.at), fault.error, fault.mode
    )


def log_to(descriptor: int) -> None:
    """Let this process write down its file operations."""
    ctypes.CDLL(None).faults_log(descriptor)


def set_clock(offset_s: int, step_s: int = 0) -> None:
    """Set this process's clock off, and back by a step at each look."""
    ctypes.CDLL(None).faults_clock(ctypes.c_longlong(offset_s), ctypes.c_longlong(step_s))


def read_log(file: Path) -> Iterator[Event]:
    """The file operations that were written down."""
    text, at = file.read_bytes(), 0
    while at < len(text):
        kind, path_bytes, inode, offset, data_bytes = _HEAD.unpack_from(text, at)
        at += _HEAD.size
        path = text[at : at + path_bytes].decode()
        at += path_bytes
        yield Event(Kind(kind), path, inode, offset, text[at : at + data_bytes])
        at += data_bytes
