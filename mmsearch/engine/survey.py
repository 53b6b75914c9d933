"""Looks at scopes: what changed there, and which of them are not there at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.engine.diff import ScopeDiff, diff_scope
from mmsearch.engine.scopes import Absent, Scope
from mmsearch.media.scan import ScannedFile, ScanOptions, ScanProblem, scan

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue, KnownFailure, KnownFile
    from mmsearch.engine.progress import ProgressListener

EMPTY_IS_ABSENT_FROM = 10
"""A folder that is empty now but held this many files is taken for an unmounted drive.

Fewer are more likely deleted on purpose, and little is lost when they are not.
"""
_SCAN_STEP = 500


@dataclass(frozen=True, slots=True)
class SurveyOptions:
    """How to look: with `recheck` no file is taken for unchanged by its size and time."""

    scan: ScanOptions = field(default_factory=ScanOptions)
    recheck: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Which folder lies at a path: another one after a drive was unmounted or swapped."""

    device: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> Identity | None:
        """The identity of what is at `path`, None when there is nothing."""
        try:
            info = path.stat()
        except OSError:
            return None
        return cls(info.st_dev, info.st_ino)


@dataclass(frozen=True, slots=True)
class Survey:
    """What was seen below all scopes; `identities` are those of the scopes when seen."""

    diffs: tuple[ScopeDiff, ...]
    absent: tuple[Absent, ...]
    identities: dict[Path, Identity | None]

    def is_still_there(self, scope: Scope) -> bool:
        """Whether the scope is the very folder that was scanned."""
        identity = self.identities[scope.path]
        # A file is often replaced by a rename, so it may have another inode and be there.
        return identity is not None and (scope.is_file or Identity.of(scope.path) == identity)


def survey(
    catalogue: Catalogue,
    scopes: Sequence[Scope],
    options: SurveyOptions,
    is_final: Callable[[KnownFailure], bool],
    progress: ProgressListener,
) -> Survey:
    """The differences below `scopes`; the catalogue is read, files are not opened.

    `is_final` says whether a failed file that has not changed since is left alone.
    """
    diffs: list[ScopeDiff] = []
    absent: list[Absent] = []
    identities = {scope.path: Identity.of(scope.path) for scope in scopes}
    n_before = 0
    for scope in scopes:
        known = {file.relative: file for file in known_files(catalogue, scope)}
        failures = {failure.relative: failure for failure in known_failures(catalogue, scope)}
        found = _counted(scan(scope.path, options.scan), n_before, progress)
        diff = diff_scope(scope, found, known, failures, is_final, recheck=options.recheck)
        n_before += diff.n_scanned
        if _looks_unmounted(diff, len(known)):
            root_ids = () if scope.under else (scope.root_id,)
            absent.append(Absent(scope.path, root_ids, "is empty (not mounted?)"))
        else:
            diffs.append(diff)
    progress.on_scan(n_before)
    return Survey(tuple(diffs), tuple(absent), identities)


def known_files(catalogue: Catalogue, scope: Scope) -> Iterator[KnownFile]:
    """What the catalogue knows in a scope."""
    files = catalogue.known_files(scope.root_id, scope.folder)
    return (file for file in files if scope.holds(file.relative))


def known_failures(catalogue: Catalogue, scope: Scope) -> Iterator[KnownFailure]:
    """What failed before in a scope."""
    failures = catalogue.known_failures(scope.root_id, scope.folder)
    return (failure for failure in failures if scope.holds(failure.relative))


def _counted(
    found: Iterator[ScannedFile | ScanProblem], n_before: int, progress: ProgressListener
) -> Iterator[ScannedFile | ScanProblem]:
    """The same items, telling the listener now and then how many there were."""
    for number, item in enumerate(found, start=n_before + 1):
        if number % _SCAN_STEP == 0:
            progress.on_scan(number)
        yield item


def _looks_unmounted(diff: ScopeDiff, n_known: int) -> bool:
    if diff.scope.is_file or diff.n_scanned or diff.problems or n_known < EMPTY_IS_ABSENT_FROM:
        return False
    try:
        with os.scandir(diff.scope.path) as entries:
            return next(entries, None) is None
    except OSError:
        return True
