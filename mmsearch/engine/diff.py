"""What has changed below a scope: a scan against what the catalogue knows, by stat alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.engine.scopes import Scope
from mmsearch.media.scan import ScannedFile, ScanProblem

if TYPE_CHECKING:
    from mmsearch.catalogue import KnownFailure, KnownFile


class Need(Enum):
    """Why a file has to be read."""

    NEW = auto()
    CHANGED = auto()
    EMBEDDING = auto()
    """Known and unchanged, but without an embedding in the space of this run."""
    REGIONS = auto()
    """Embedded too, but without region features of this run's projection."""


@dataclass(frozen=True, slots=True)
class PendingFile:
    """A file that has to be read. `media_id` is the row at its path, None for a new file."""

    need: Need
    root_id: int
    relative: bytes
    path: Path
    size_bytes: int
    mtime_ns: int
    media_id: int | None = None


@dataclass(frozen=True, slots=True)
class ScopeDiff:
    """What a scope has that the catalogue lacks, and the reverse.

    `failed` counts files that failed before and have not changed since. `resolved` are recorded
    failures whose file is gone. `problems` are places that could not be looked into: what is
    known below them is in neither `pending` nor `vanished`.
    """

    scope: Scope
    unchanged: int
    failed: int
    pending: tuple[PendingFile, ...]
    vanished: tuple[KnownFile, ...]
    resolved: tuple[bytes, ...]
    problems: tuple[ScanProblem, ...]
    n_scanned: int


def diff_scope(
    scope: Scope,
    scanned: Iterable[ScannedFile | ScanProblem],
    known: Mapping[bytes, KnownFile],
    failures: Mapping[bytes, KnownFailure],
) -> ScopeDiff:
    """The difference; `known` and `failures` are by root-relative path, below the scope only."""
    unchanged = failed = 0
    pending: list[PendingFile] = []
    problems: list[ScanProblem] = []
    seen: set[bytes] = set()
    for item in scanned:
        if isinstance(item, ScanProblem):
            problems.append(item)
            continue
        relative = scope.relative(item.relative)
        seen.add(relative)
        row, failure = known.get(relative), failures.get(relative)
        if failure is not None and _is_as_before(item, failure):
            failed += 1
        elif failure is None and row is not None and _is_as_before(item, row):
            unchanged += 1
        else:
            pending.append(_pending(scope.root_id, relative, item, row))
    unknown_below = {scope.relative(problem.relative) for problem in problems}
    return ScopeDiff(
        scope=scope,
        unchanged=unchanged,
        failed=failed,
        pending=tuple(pending),
        vanished=tuple(
            row for relative, row in known.items() if _is_gone(relative, seen, unknown_below)
        ),
        resolved=tuple(rel for rel in failures if _is_gone(rel, seen, unknown_below)),
        problems=tuple(problems),
        n_scanned=len(seen),
    )


def _pending(
    root_id: int, relative: bytes, file: ScannedFile, row: KnownFile | None
) -> PendingFile:
    return PendingFile(
        need=Need.NEW if row is None else Need.CHANGED,
        root_id=root_id,
        relative=relative,
        path=file.path,
        size_bytes=file.size_bytes,
        mtime_ns=file.mtime_ns,
        media_id=None if row is None else row.media_id,
    )


def _is_as_before(file: ScannedFile, before: KnownFile | KnownFailure) -> bool:
    return file.size_bytes == before.size_bytes and file.mtime_ns == before.mtime_ns


def _is_gone(relative: bytes, seen: set[bytes], unknown_below: set[bytes]) -> bool:
    """Whether a known path was not seen, though its folders could be looked into."""
    if relative in seen:
        return False
    if not unknown_below:
        return True
    parts = relative.split(b"/")
    above = (b"/".join(parts[:n]) for n in range(len(parts) + 1))
    return not any(place in unknown_below for place in above)
