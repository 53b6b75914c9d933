"""States of a disk after a loss of power: what was not flushed is lost, all of it or some.

File systems write names in the order they were given, and contents when asked to or as they
please. So names are kept up to a point at or after the last one that a flush made sure of, and of
each file what was flushed, and perhaps some of the writes since.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.shim import Event, Kind

_NAMES = Kind.CREATE | Kind.RENAME | Kind.LINK | Kind.UNLINK | Kind.FOLDER
_NOT_KEPT = "-shm"
"""SQLite's index of its log: it is made anew where nobody has it open."""


@dataclass(slots=True)
class Disk:
    """Names with their inodes, and the bytes of these; folders have None."""

    names: dict[str, int | None] = field(default_factory=dict)
    data: dict[int, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> Disk:
        """What lies below a folder."""
        disk = cls({str(folder): None})
        for path in folder.rglob("*"):
            inode = path.stat().st_ino if path.is_file() else None
            disk.names[str(path)] = inode
            if inode is not None:
                disk.data[inode] = path.read_bytes()
        return disk

    def write_to(self, folder: Path) -> None:
        """Make a folder that is not there what this disk holds below it."""
        for path in sorted(self.names):
            inode = self.names[path]
            if not path.startswith(str(folder)) or path.endswith(_NOT_KEPT):
                continue
            if inode is None:
                Path(path).mkdir(parents=True, exist_ok=True)
            else:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                Path(path).write_bytes(self.data.get(inode, b""))


@dataclass(frozen=True, slots=True)
class PowerLoss:
    """Power fails before event `at` of a scene; with `some`, part of what was not flushed stays."""

    scene: str
    at: int
    seed: int
    some: bool


def after_power_loss(disk: Disk, events: Sequence[Event], loss: PowerLoss) -> Disk:
    """The disk after a loss of power; `events` are those of a run that began with `disk`."""
    rng, some = random.Random(loss.seed), loss.some
    done = events[: loss.at]
    sure = _sure_names(done)
    named = rng.randint(sure, len(done)) if some else sure
    left = Disk(dict(disk.names), dict(disk.data))
    for event in done[:named]:
        _apply_name(left, event)
    for inode in {event.inode for event in done if event.inode}:
        of_file = [event for event in done if event.inode == inode]
        left.data[inode] = _content(disk.data.get(inode, b""), of_file, rng, some=some)
    return left


def _sure_names(done: Sequence[Event]) -> int:
    """Up to where names are kept: the last one before a flush of a folder, or of a new file."""
    sure = 0
    made: dict[int, int] = {}
    for number, event in enumerate(done):
        if event.kind is Kind.CREATE:
            made[event.inode] = number + 1
        elif event.kind is Kind.SYNC:
            is_folder = not any(event.inode == other.inode for other in done if other.data)
            sure = max(sure, number if is_folder else made.get(event.inode, 0))
    return sure


def _apply_name(disk: Disk, event: Event) -> None:
    target = event.data.decode() if event.kind & (Kind.RENAME | Kind.LINK) else ""
    match event.kind:
        case Kind.CREATE:
            disk.names[event.path] = event.inode
        case Kind.FOLDER:
            disk.names.setdefault(event.path, None)
        case Kind.LINK:
            disk.names[target] = disk.names[event.path]
        case Kind.RENAME:
            if event.path in disk.names:
                disk.names[target] = disk.names.pop(event.path)
        case Kind.UNLINK:
            disk.names.pop(event.path, None)


def _content(before: bytes, events: Sequence[Event], rng: random.Random, *, some: bool) -> bytes:
    """The bytes of one file: what was flushed, and with `some` a part of what came later."""
    flushed = max((n for n, event in enumerate(events) if event.kind is Kind.SYNC), default=0)
    content = bytearray(before)
    for number, event in enumerate(events):
        if number > flushed and not (some and rng.random() < 0.5):
            continue
        if event.kind is Kind.CREATE:
            content = bytearray()
        elif event.kind is Kind.TRUNCATE:
            content = content[: event.offset].ljust(event.offset, b"\0")
        elif event.kind is Kind.WRITE:
            end = event.offset + len(event.data)
            content = content.ljust(end, b"\0")
            content[event.offset : end] = event.data
    return bytes(content)
