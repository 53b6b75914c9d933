"""Small upright JPEGs for previews and contact sheets."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from mmsearch.media.decode import decode_small
from mmsearch.media.decode_limits import DecodeLimits
from mmsearch.media.geometry import Size
from mmsearch.media.limits import read_file, reasons

_QUALITY = 85


def thumbnail(path: Path, max_px: int, limits: DecodeLimits) -> bytes:
    """JPEG of the picture, upright, its longer side at most `max_px`; never enlarged.

    Raises:
        MediaError: The file cannot be read or is no picture; the message is the reason.
    """
    return make_thumbnail(read_file(path, limits).data, max_px, limits)


def make_thumbnail(data: bytes, max_px: int, limits: DecodeLimits) -> bytes:
    """The same of a file's bytes.

    Raises:
        MediaError: They are no picture, damaged or over a limit.
    """
    small = decode_small(data, lambda size: _within(size, max_px), limits)
    size = _within((small.metadata.width, small.metadata.height), max_px)
    with reasons(data, limits):
        image = small.to_srgb(small.image.resize(size, Image.Resampling.BICUBIC))
        out = io.BytesIO()
        image.save(out, "JPEG", quality=_QUALITY, optimize=True)
    return out.getvalue()


def _within(size: Size, max_px: int) -> Size:
    scale = min(1.0, max_px / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
