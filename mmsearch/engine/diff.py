"""What has changed below a scope: a scan against what the catalogue knows, by stat alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
    RECHECK = auto()
    """As before by size and time; its bytes are to be looked at all the same."""


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

    `failed` counts files that failed before and are not tried again. `resolved` are recorded
    failures whose file is gone. `problems` are places that could not be looked into: what is known
    below them is in neither `pending` nor `vanished`. `n_known` files were known before.
    """

    scope: Scope
    unchanged: int
    failed: int
    pending: tuple[PendingFile, ...]
    vanished: tuple[KnownFile, ...]
    resolved: tuple[bytes, ...]
    problems: tuple[ScanProblem, ...]
    n_scanned: int
    n_known: int


def diff_scope(
    scope: Scope,
    scanned: Iterable[ScannedFile | ScanProblem],
    known: Mapping[bytes, KnownFile],
    failures: Mapping[bytes, KnownFailure],
    is_final: Callable[[KnownFailure], bool],
    *,
    recheck: bool = False,
) -> ScopeDiff:
    """The difference; `known` and `failures` are by root-relative path, below the scope only.

    `is_final` says whether a failed file that has not changed since is left alone. With `recheck`
    no file is taken for unchanged by its size and time.
    """
    sorting = _Sorting(scope, known, failures, is_final, recheck)
    for item in scanned:
        if isinstance(item, ScanProblem):
            sorting.problems.append(item)
        else:
            sorting.take(item)
    problems = _that_matter(sorting.problems, scope, [*known, *failures])
    unknown_below = {scope.relative(problem.relative) for problem in problems}
    seen = sorting.seen
    return ScopeDiff(
        scope=scope,
        unchanged=sorting.unchanged,
        failed=sorting.failed,
        pending=tuple(sorting.pending),
        vanished=tuple(
            row for relative, row in known.items() if _is_gone(relative, seen, unknown_below)
        ),
        resolved=tuple(rel for rel in failures if _is_gone(rel, seen, unknown_below)),
        problems=tuple(problems),
        n_scanned=len(seen),
        n_known=len(known),
    )


@dataclass(slots=True)
class _Sorting:
    """What was found in a scope so far, by what is to be done about it."""

    scope: Scope
    known: Mapping[bytes, KnownFile]
    failures: Mapping[bytes, KnownFailure]
    is_final: Callable[[KnownFailure], bool]
    recheck: bool
    unchanged: int = 0
    failed: int = 0
    pending: list[PendingFile] = field(default_factory=list)
    problems: list[ScanProblem] = field(default_factory=list)
    seen: set[bytes] = field(default_factory=set)

    def take(self, file: ScannedFile) -> None:
        """Sort in a file."""
        relative = self.scope.relative(file.relative)
        self.seen.add(relative)
        row, failure = self.known.get(relative), self.failures.get(relative)
        if self.recheck:
            self.pending.append(_pending(self.scope.root_id, relative, file, row))
        elif failure is not None and _is_as_before(file, failure) and self.is_final(failure):
            self.failed += 1
        elif failure is None and _is_as_before(file, row):
            self.unchanged += 1
        else:
            self.pending.append(_pending(self.scope.root_id, relative, file, row))


def _pending(
    root_id: int, relative: bytes, file: ScannedFile, row: KnownFile | None
) -> PendingFile:
    return PendingFile(
        need=_need(file, row),
        root_id=root_id,
        relative=relative,
        path=file.path,
        size_bytes=file.size_bytes,
        mtime_ns=file.mtime_ns,
        media_id=None if row is None else row.media_id,
    )


def _need(file: ScannedFile, row: KnownFile | None) -> Need:
    if row is None:
        return Need.NEW
    return Need.RECHECK if _is_as_before(file, row) else Need.CHANGED


def _is_as_before(file: ScannedFile, before: KnownFile | KnownFailure | None) -> bool:
    if before is None:
        return False
    return file.size_bytes == before.size_bytes and file.mtime_ns == before.mtime_ns


def _that_matter(
    problems: Sequence[ScanProblem], scope: Scope, known: Iterable[bytes]
) -> list[ScanProblem]:
    """The problems that may hide pictures: by their name, or because some are known there."""
    unlikely = {scope.relative(one.relative) for one in problems if not one.is_likely}
    if not unlikely:
        return list(problems)
    hiding = {place for relative in known for place in _places_above(relative) if place in unlikely}
    return [one for one in problems if one.is_likely or scope.relative(one.relative) in hiding]


def _is_gone(relative: bytes, seen: set[bytes], unknown_below: set[bytes]) -> bool:
    """Whether a known path was not seen, though its folders could be looked into."""
    if relative in seen:
        return False
    if not unknown_below:
        return True
    return not any(place in unknown_below for place in _places_above(relative))


def _places_above(relative: bytes) -> Iterator[bytes]:
    """The root, each folder on the way, and the path itself."""
    parts = relative.split(b"/")
    return (b"/".join(parts[:n]) for n in range(len(parts) + 1))
