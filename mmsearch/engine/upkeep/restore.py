"""Puts a backup in the place of an index, so that a kill leaves the old one or the new one.

The order is what makes it safe. The copy is made and checked beside the catalogue. Then, with
nobody else at it: the write-ahead log is emptied into the catalogue, which gets a second name as
the restore point; vector files go, as they are of the old rows; and the copy takes the first
name in one step. Only that last step changes what the index is.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from blake3 import blake3

from mmsearch.engine.upkeep.backup import describe, read_record
from mmsearch.engine.upkeep.backup_records import BackupRecord, RestoreReport
from mmsearch.engine.upkeep.findings import UpkeepListener
from mmsearch.errors import CatalogueError
from mmsearch.runtime.at_work import at_work_on, is_abandoned
from mmsearch.runtime.whole_file import sync_folder

logger = logging.getLogger(__name__)

POINT_PREFIX = "before-restore-"
_STAGE_PREFIX = ".restore-"
_CHUNK_BYTES = 1 << 22


def restore(path: Path, index: str, folder: Path, progress: UpkeepListener) -> RestoreReport:
    """Make the catalogue `path` what the backup in `folder` holds.

    Raises:
        CatalogueError: The backup is damaged or newer, the catalogue is in use, or the folder of
            the index cannot be written.
    """
    started = time.perf_counter()
    record = read_record(folder)
    try:
        with _stage(path.parent) as stage:
            fresh = stage / path.name
            _copy_checked(folder / path.name, record, fresh, progress)
            progress.on_step("replacing", 0, None)
            kept = _take_place(fresh, path)
    except OSError as exc:
        raise CatalogueError(
            f"index {path.parent} cannot be restored ({(exc.strerror or str(exc)).lower()}): "
            "check the folder, and the space on its disk"
        ) from exc
    if kept is not None:
        _describe_point(kept / path.name, index, progress)
    return RestoreReport(record, kept, time.perf_counter() - started)


@contextlib.contextmanager
def _stage(index_dir: Path) -> Iterator[Path]:
    """A folder beside the catalogue, gone at the end; so are those of restores that were killed."""
    index_dir.mkdir(parents=True, exist_ok=True)
    for stray in index_dir.glob(f"{_STAGE_PREFIX}*"):
        if is_abandoned(stray):
            shutil.rmtree(stray, ignore_errors=True)
    stage = Path(tempfile.mkdtemp(prefix=_STAGE_PREFIX, dir=index_dir))
    try:
        with at_work_on(stage):
            yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        with contextlib.suppress(OSError):
            index_dir.rmdir()  # succeeds only where nothing came of it


def _copy_checked(
    source: Path, record: BackupRecord, fresh: Path, progress: UpkeepListener
) -> None:
    """Copy a backup's catalogue, seeing that every byte is as it was, and every page whole."""
    from mmsearch.catalogue.copies import check_copy

    hasher, done = blake3(), 0
    try:
        reading = source.open("rb")
    except OSError as exc:
        raise CatalogueError(
            f"{source} cannot be read ({(exc.strerror or str(exc)).lower()}): take another backup"
        ) from exc
    with reading, fresh.open("xb") as writing:
        while chunk := reading.read(_CHUNK_BYTES):
            hasher.update(chunk)
            writing.write(chunk)
            done += len(chunk)
            progress.on_step("copying", done, record.size_bytes)
        writing.flush()
        os.fsync(writing.fileno())
    if (done, hasher.hexdigest()) != (record.size_bytes, record.digest):
        raise CatalogueError(
            f"{source} is not as it was backed up: it is damaged or incomplete; take another backup"
        )
    progress.on_step("checking", 0, None)
    check_copy(fresh)


def _take_place(fresh: Path, path: Path) -> Path | None:
    """Give the fresh catalogue its name; where the former one is kept, None: there was none."""
    from mmsearch.catalogue.exclusive import held_alone

    if not path.is_file():
        _drop_caches(path)
        _log_of(path).unlink(missing_ok=True)  # left by a catalogue that somebody deleted
        fresh.replace(path)
        sync_folder(path.parent)
        return None
    with held_alone(path):
        _forget_unfinished(path)
        kept = _keep(path)
        _drop_caches(path)
        _move_log(path, kept)
        sync_folder(kept)
        sync_folder(path.parent)
        fresh.replace(path)
        sync_folder(path.parent)
    return kept


def _keep(path: Path) -> Path:
    """A new folder in which the catalogue has a second name: the restore point."""
    name = f"{POINT_PREFIX}{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
    point = path.parent / name
    point.mkdir()
    try:
        os.link(path, point / path.name)
    except OSError as exc:
        point.rmdir()
        raise CatalogueError(
            f"{path} cannot be kept as a restore point ({(exc.strerror or str(exc)).lower()}): "
            f"move {path.parent} away by hand, then restore"
        ) from exc
    return point


def _forget_unfinished(path: Path) -> None:
    """Remove restore points of restores that were killed before they changed anything."""
    for point in path.parent.glob(f"{POINT_PREFIX}*"):
        second = point / path.name
        if second.is_file() and second.samefile(path) and not _log_of(second).is_file():
            shutil.rmtree(point)


def _drop_caches(path: Path) -> None:
    """Remove the vector files, whose generations count changes of another history."""
    for file in (path.parent / "vectors").glob("*.faiss"):
        file.unlink(missing_ok=True)


def _move_log(path: Path, kept: Path) -> None:
    """Take the log away, as SQLite would read it as part of whatever bears the catalogue's name.

    It is empty, unless the catalogue is too damaged to take it in.
    """
    log = _log_of(path)
    if not log.is_file():
        return
    if log.stat().st_size:
        log.replace(_log_of(kept / path.name))
    else:
        log.unlink()


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _describe_point(kept: Path, index: str, progress: UpkeepListener) -> None:
    """Make a restore point a backup like any other, where it is sound."""
    from mmsearch.catalogue.copies import check_copy

    try:
        describe(kept, check_copy(kept), index, progress)
    except (CatalogueError, OSError) as exc:
        logger.warning("the former catalogue is kept as it is, in %s: %s", kept.parent, exc)
