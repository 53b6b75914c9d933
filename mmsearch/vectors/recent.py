"""The changes since a large vector file was written: a second, small file beside it."""

from __future__ import annotations

import logging
from pathlib import Path

from mmsearch.errors import VectorIndexError
from mmsearch.vectors.base import Base
from mmsearch.vectors.files import Content, Loaded, load, save
from mmsearch.vectors.manifest import Manifest, read_recent, recent_path
from mmsearch.vectors.rows import Rows

logger = logging.getLogger(__name__)

MOST_CHANGES = 1 << 17
CHANGES_ONE_IN = 16
"""So many changes, or one to so many rows, go into a new file: until then each query scans them."""


def are_many(n_changes: int, n_rows: int) -> bool:
    """Whether so many changes are better put into a new file of all rows."""
    return n_changes > min(MOST_CHANGES, n_rows // CHANGES_ONE_IN)


def load_recent(path: Path, base: Manifest) -> Loaded | None:
    """The changes beside a vector file; None where there are none for it that can be used."""
    if read_recent(path, base) is None:
        return None
    try:
        changes = load(recent_path(path), base.dim)
        if changes is not None:  # they are copied whole, and never checked again
            changes.blocks.check_all(changes.rows.index.code_size)
    except VectorIndexError as exc:
        logger.info("%s", exc)
        return None
    # Another process may have replaced them meanwhile.
    return changes if changes is not None and changes.manifest.base == base.digest else None


def drop_stale_recent(path: Path, base: Manifest) -> None:
    """Remove changes that belonged to another base: they would be ignored anyhow."""
    try:
        if recent_path(path).exists() and read_recent(path, base) is None:
            recent_path(path).unlink()
    except OSError as exc:
        logger.info("%s is not removed: %s", recent_path(path), exc)


def save_recent(path: Path, rows: Rows, base: Base, generation: int) -> None:
    """Write rows, and what was removed from `base`, beside the file at `path`.

    Raises:
        VectorIndexError: It cannot be written.
    """
    content = Content(rows, generation, base=base.manifest.digest, removed=base.removed)
    save(recent_path(path), content)
