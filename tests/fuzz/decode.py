"""Bytes of a file that should be a picture; their first byte chooses what is made of it."""

from __future__ import annotations

import numpy as np
from PIL import Image

from mmsearch.errors import MediaError
from mmsearch.media.decode import decode, decode_reference
from mmsearch.media.limits import DecodeLimits
from mmsearch.media.thumbnails import make_thumbnail
from mmsearch.types import InputSpec, MediaMetadata, ResizeMode
from tests.conftest import SHARED_DATA
from tests.unit.media.samples import encoded, scene

LIMITS = DecodeLimits(max_pixels=4_000_000, timeout_s=20.0, memory_mb=256)
WORDS = (
    *(b"\xff\xd8\xff\xe0", b"\xff\xc2", b"\xff\xda", b"Exif\0\0", b"II*\0", b"MM\0*", b"IHDR"),
    *(b"PLTE", b"tRNS", b"iCCP", b"gAMA", b"acTL", b"fdAT", b"eXIf", b"VP8X", b"VP8L", b"ANIM"),
    *(b"ftypavif", b"ftypheic", b"ispe", b"irot", b"iloc", b"grid", b"GIF89a", b"\x7f\xff\xff\xff"),
)
_SMALL_BYTES = 8192
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "TGA")
_MODES = ("1", "L", "P", "RGBA", "I;16", "CMYK")


def check(data: bytes) -> None:
    """Decoding ends in a picture of the size asked for, or in a short reason."""
    choice, picture = data[:1], data[1:]
    number = choice[0] if choice else 0
    spec = InputSpec(5 + number % 7, 4 + number % 5, list(ResizeMode)[number % len(ResizeMode)])
    try:
        if number % 4 == 3:
            assert make_thumbnail(picture, 9, LIMITS).startswith(b"\xff\xd8\xff")
            return
        made = (decode_reference if number % 4 == 2 else decode)(picture, spec, LIMITS)
    except MediaError as exc:
        reason = str(exc)
        assert 0 < len(reason) < 200, reason
        assert reason.isprintable(), reason
        return
    assert made.pixels.shape == (spec.height, spec.width, 3)
    assert made.pixels.dtype == np.uint8
    check_metadata(made.metadata)


def check_metadata(metadata: MediaMetadata) -> None:
    """What a picture says of itself is sound, or None."""
    assert metadata.width > 0
    assert metadata.height > 0
    assert metadata.width * metadata.height <= LIMITS.max_pixels
    assert metadata.taken_at is None or 1826 <= metadata.taken_at.year <= 2200
    assert (metadata.latitude is None) == (metadata.longitude is None)
    if metadata.latitude is not None and metadata.longitude is not None:
        assert abs(metadata.latitude) <= 90
        assert abs(metadata.longitude) <= 180
    if metadata.camera is not None:
        assert metadata.camera.isprintable()
        assert 0 < len(metadata.camera) <= 120


def seeds() -> list[bytes]:
    """Small pictures of every format and mode, and small files of the shared data."""
    image = scene(24, 18)
    made = [encoded(image, name) for name in _FORMATS]
    made += [encoded(_converted(image, mode), "TIFF") for mode in _MODES]
    made += [encoded(_converted(image, mode)) for mode in ("1", "L", "P", "RGBA", "I;16")]
    made.append(encoded(image, "JPEG", progressive=True, subsampling=0))
    made.append(encoded(image, "WEBP", lossless=True))
    made.append(encoded(image, "GIF", save_all=True, append_images=[image.rotate(90)]))
    return [bytes([number % 256]) + data for number, data in enumerate(made)]


def shared_seeds() -> list[bytes]:
    """Small files of the shared data, valid and hostile ones; none where that is absent."""
    files = sorted(
        path
        for name in ("formats", "hostile")
        for path in (SHARED_DATA / name).rglob("*")
        if path.is_file() and 0 < path.stat().st_size <= _SMALL_BYTES
    )
    return [bytes([number % 256]) + path.read_bytes() for number, path in enumerate(files)]


def _converted(image: Image.Image, mode: str) -> Image.Image:
    return image.convert("I").convert(mode) if mode == "I;16" else image.convert(mode)
