"""Copies an index while others use it: its catalogue, and a file that says what the copy holds.

Vector files are caches and are not copied. `backup.json` is written last: a folder without it
holds no whole backup.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from blake3 import blake3

from mmsearch.engine.upkeep.backup_records import BackupRecord
from mmsearch.engine.upkeep.findings import UpkeepListener
from mmsearch.errors import CatalogueError
from mmsearch.runtime.whole_file import sync_folder, write_whole

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue
    from mmsearch.catalogue.copies import CopyFacts

FORMAT = 1
RECORD_NAME = "backup.json"
_CHUNK_BYTES = 1 << 22


def back_up(
    catalogue: Catalogue, index: str, folder: Path, progress: UpkeepListener
) -> BackupRecord:
    """Make `folder` a backup of an index; what it holds.

    Where this fails, the folder is as it was.

    Raises:
        CatalogueError: The folder is not empty or cannot be written, or the catalogue is damaged.
    """
    copy = folder / catalogue.path.name
    made = _made_folder(folder)
    checked: list[CopyFacts] = []
    try:
        write_whole(copy, lambda beside: checked.append(_copied(catalogue, beside, progress)))
        record = describe(copy, checked[0], index, progress)
        sync_folder(folder)
    except BaseException as exc:
        with contextlib.suppress(OSError):
            copy.unlink(missing_ok=True)
            if made:
                folder.rmdir()
        if isinstance(exc, OSError):
            raise _unwritable(folder, exc) from exc
        raise
    return record


def describe(copy: Path, facts: CopyFacts, index: str, progress: UpkeepListener) -> BackupRecord:
    """Write what a catalogue that nobody has open holds into `backup.json` beside it.

    Raises:
        OSError: The file cannot be written.
    """
    from importlib.metadata import version

    record = BackupRecord(
        format=FORMAT,
        version=version("mmsearch"),
        index=index,
        made_at=datetime.now(UTC).replace(microsecond=0),
        size_bytes=copy.stat().st_size,
        digest=_digest(copy, progress),
        **asdict(facts),
    )
    shape = {**asdict(record), "made_at": record.made_at.isoformat()}
    text = json.dumps(shape, indent=2) + "\n"
    write_whole(copy.with_name(RECORD_NAME), lambda beside: beside.write_text(text, "utf-8"))
    return record


def read_record(folder: Path) -> BackupRecord:
    """What the backup in a folder holds, by its own words.

    Raises:
        CatalogueError: There is no backup, or one of a newer format.
    """
    file = folder / RECORD_NAME
    try:
        shape = json.loads(file.read_text("utf-8"))
        if shape["format"] != FORMAT:
            raise CatalogueError(
                f"backup {folder} has format {shape['format']}, this mmsearch knows {FORMAT}: "
                "upgrade mmsearch"
            )
        made_at = datetime.fromisoformat(shape["made_at"])
        shape.setdefault("damaged", 0)  # older versions do not tell
        known = {field.name: shape[field.name] for field in fields(BackupRecord)}
        return _checked(BackupRecord(**{**known, "made_at": made_at}))
    except FileNotFoundError as exc:
        raise CatalogueError(
            f"{folder} holds no whole backup ({RECORD_NAME} is not there): "
            "name a folder that 'mmsearch backup' made"
        ) from exc
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as exc:
        raise CatalogueError(
            f"{file} cannot be read ({type(exc).__name__}: {exc}): take another backup"
        ) from exc


def _checked(record: BackupRecord) -> BackupRecord:
    """A record, every value of its kind.

    Raises:
        ValueError: One is not.
    """
    for name, value in asdict(record).items():
        is_text = name in ("version", "index", "digest")
        is_count = type(value) is int and value >= 0
        if name != "made_at" and not (isinstance(value, str) if is_text else is_count):
            raise ValueError(f"'{name}' is {value!r}")
    return record


def _made_folder(folder: Path) -> bool:
    """Whether the folder is new; it is empty anyhow."""
    try:
        if folder.is_dir():
            if any(folder.iterdir()):
                raise CatalogueError(
                    f"{folder} is not empty: name a new folder, or remove what is in it"
                )
            return False
        folder.mkdir(parents=True)
    except OSError as exc:
        raise _unwritable(folder, exc) from exc
    return True


def _unwritable(folder: Path, exc: OSError) -> CatalogueError:
    reason = (exc.strerror or str(exc)).lower()
    return CatalogueError(
        f"backup {folder} cannot be written ({reason}): check the folder, and the space on its disk"
    )


def _copied(catalogue: Catalogue, beside: Path, progress: UpkeepListener) -> CopyFacts:
    """What a copy holds that SQLite finds whole, before it gets its name."""
    from mmsearch.catalogue.copies import check_copy

    catalogue.copy_to(beside, lambda done, total: progress.on_step("copying", done, total))
    progress.on_step("checking", 0, None)
    try:
        return check_copy(beside)
    except CatalogueError as exc:
        raise CatalogueError(
            f"catalogue {catalogue.path} is damaged, and no backup is made of it: run "
            "'mmsearch verify', or restore an earlier backup"
        ) from exc


def _digest(file: Path, progress: UpkeepListener) -> str:
    """Hexadecimal BLAKE3 of a file."""
    hasher, done, total = blake3(), 0, file.stat().st_size
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            hasher.update(chunk)
            done += len(chunk)
            progress.on_step("taking the digest", done, total)
    return hasher.hexdigest()
