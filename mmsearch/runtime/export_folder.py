"""A folder of exported files that is there whole or not at all."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STALE_AFTER_S = 24 * 3600.0

logger = logging.getLogger(__name__)


@contextmanager
def renamed_into(final: Path, complete: str) -> Iterator[Path]:
    """A folder beside `final` that takes its name in the end, unless another was first.

    Args:
        final: The folder's name once it is filled.
        complete: A file that only a complete folder has.

    Raises:
        OSError: It cannot be written.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(final.parent)
    folder = Path(tempfile.mkdtemp(prefix=".export-", dir=final.parent))
    try:
        yield folder
        folder.chmod(0o755)
        for file in folder.iterdir():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
        try:
            folder.rename(final)
        except OSError:
            if not (final / complete).is_file():
                raise
            logger.debug("another process has exported %s meanwhile", final)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_stale(parent: Path) -> None:
    """Remove what killed exports left more than a day ago."""
    for folder in parent.glob(".export-*"):
        if time.time() - folder.stat().st_mtime > _STALE_AFTER_S:
            shutil.rmtree(folder, ignore_errors=True)
