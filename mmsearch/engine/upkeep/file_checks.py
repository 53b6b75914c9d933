"""Whether the picture files are there and as they were indexed."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.catalogue import RootRecord
from mmsearch.engine.survey import EMPTY_IS_ABSENT_FROM
from mmsearch.engine.upkeep.findings import (
    Check,
    FileCheck,
    Finding,
    UpkeepListener,
    VerifyOptions,
)
from mmsearch.errors import MediaError
from mmsearch.media.digest import digest_file

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue, KnownFile
    from mmsearch.types import MediaRecord

_STEP = 256


@dataclass(slots=True)
class FileChecks:
    """What was found of the files, and how many were looked at."""

    findings: list[Finding] = field(default_factory=list)
    n_files: int = 0
    n_read: int = 0
    n_offline: int = 0


def check_files(
    catalogue: Catalogue, options: VerifyOptions, progress: UpkeepListener
) -> FileChecks:
    """All files by stat, and those that `options` choose by their bytes.

    Files of a folder that is missing are counted and left out: they may come back.
    """
    checks = FileChecks()
    if options.files is FileCheck.NONE:
        return checks
    present = list(_present(catalogue, checks, progress))
    if options.files is FileCheck.SAMPLE and len(present) > options.sample:
        present = sorted(random.Random(options.seed).sample(present, options.sample))  # noqa: S311 - nothing secret
    _check_bytes(catalogue, present, checks, progress)
    return checks


def _present(catalogue: Catalogue, checks: FileChecks, progress: UpkeepListener) -> Iterator[int]:
    """Media ids of the files that look as they did; the others become findings."""
    counts = catalogue.files_by_root()
    for root in catalogue.roots():
        n_files = counts.get(root.root_id, 0)
        if not _is_there(root, n_files):
            checks.n_offline += n_files
            continue
        for known in catalogue.known_files(root.root_id):
            checks.n_files += 1
            if checks.n_files % _STEP == 0:
                progress.on_step("looking at files", checks.n_files, None)
            if _looks_changed(root, known):
                checks.findings += _explained(catalogue, known.media_id)
            else:
                yield known.media_id


def _is_there(root: RootRecord, n_files: int) -> bool:
    """Whether a root's folder is there; an empty one that held pictures is taken for unmounted."""
    try:
        with os.scandir(root.path) as entries:
            return n_files < EMPTY_IS_ABSENT_FROM or next(entries, None) is not None
    except OSError:
        return False


def _looks_changed(root: RootRecord, known: KnownFile) -> bool:
    try:
        info = os.stat(os.fsencode(root.path) + b"/" + known.relative)  # noqa: PTH116 - hot, no Path
    except OSError:
        return True
    return (info.st_size, info.st_mtime_ns) != (known.size_bytes, known.mtime_ns)


def _explained(catalogue: Catalogue, media_id: int) -> Iterator[Finding]:
    """What is wrong with a file, looked up anew: an indexing run may have been there first."""
    media = catalogue.media(media_id)
    if media is not None and (finding := _finding_by_stat(media)) is not None:
        yield finding


def _finding_by_stat(media: MediaRecord) -> Finding | None:
    again = f"run 'mmsearch index {media.path.parent}'"
    try:
        info = media.path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return _finding(media.path, "is not there", f"put it back, or {again} to forget it")
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        return _finding(media.path, f"cannot be looked up ({reason})", "check the drive")
    if (info.st_size, info.st_mtime_ns) == (media.size_bytes, media.mtime_ns):
        return None
    return _finding(media.path, "has changed since it was indexed", again)


def _check_bytes(
    catalogue: Catalogue, media_ids: Sequence[int], checks: FileChecks, progress: UpkeepListener
) -> None:
    """Read files in threads, and compare their digests."""
    with ThreadPoolExecutor(thread_name_prefix="digest") as threads:
        for start in range(0, len(media_ids), _STEP):
            progress.on_step("reading files", start, len(media_ids))
            found = [catalogue.media(item) for item in media_ids[start : start + _STEP]]
            records = [media for media in found if media is not None]
            for media, damage in zip(records, threads.map(_damage, records), strict=True):
                checks.n_read += 1
                if damage is not None and catalogue.media(media.media_id) == media:
                    checks.findings.append(_finding_by_stat(media) or damage)


def _damage(media: MediaRecord) -> Finding | None:
    """What is wrong with the bytes of a file that looks as it did."""
    try:
        digest = digest_file(media.path)
    except MediaError as exc:
        return _finding(media.path, str(exc), "check the drive, or put a copy in its place")
    if digest == media.digest:
        return None
    return _finding(
        media.path,
        "has other bytes than when it was indexed, though its size and time are the same",
        f"put a copy in its place, or run 'mmsearch index {media.path.parent} --recheck'",
    )


def _finding(path: Path, what: str, advice: str) -> Finding:
    return Finding(Check.FILES, str(path), what, advice)
