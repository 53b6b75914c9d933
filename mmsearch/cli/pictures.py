"""Reads pictures for the command line, within the limits that the settings give."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmsearch.config import Settings
    from mmsearch.media.decode import DecodeLimits


def decode_limits(settings: Settings) -> DecodeLimits:
    """What decoding one file may cost."""
    from mmsearch.media.decode import DecodeLimits

    return DecodeLimits(
        max_pixels=round(settings.max_megapixels * 1e6),
        timeout_s=settings.decode_timeout_s,
        memory_mb=settings.decode_memory_mb,
    )


def thumbnail_bytes(path: Path, max_px: int, settings: Settings) -> bytes:
    """A JPEG of the upright picture, its longer side at most `max_px` pixels.

    Raises:
        MediaError: The file is gone or cannot be read.
    """
    from mmsearch.media.thumbnails import thumbnail

    return thumbnail(path, max_px, decode_limits(settings))
