"""Reads pictures for the command line, within the limits that the settings give."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmsearch.config import Settings


def thumbnail_bytes(path: Path, max_px: int, settings: Settings) -> bytes:
    """A JPEG of the upright picture, its longer side at most `max_px` pixels.

    Raises:
        MediaError: The file is gone or cannot be read.
    """
    from mmsearch.media.decode_limits import limits_of
    from mmsearch.media.thumbnails import thumbnail

    return thumbnail(path, max_px, limits_of(settings))
