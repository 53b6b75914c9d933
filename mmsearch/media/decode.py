"""The one way from a file's bytes to upright RGB pixels.

Header first: a picture over the limits is refused before a pixel is decoded. Then the least
work that serves: JPEG is decoded at the smallest DCT scale that still covers what is wanted,
HEIF from an embedded thumbnail where one is big enough, everything else is box-averaged before
the final resampling. `decode_reference` is the same without any of that.

A truncated file is refused, however much of the picture it still shows: half a grey picture
would be found for the wrong reasons, and its owner wants to know.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from mmsearch.media import colour, formats, geometry, limits
from mmsearch.media.decode_limits import DecodeLimits
from mmsearch.media.metadata import TRANSPOSING, orientation_of, read_exif, read_metadata
from mmsearch.types import InputSpec, MediaMetadata

__all__ = ["DecodeLimits", "Picture", "decode", "decode_file", "decode_reference", "decode_small"]

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture: `pixels` `(h, w, 3)` uint8 upright sRGB, at the size asked for.

    `metadata` has the size of the whole picture, upright.
    """

    pixels: NDArray[np.uint8]
    metadata: MediaMetadata


@dataclass(frozen=True, slots=True)
class SmallImage:
    """An upright picture in mode L, RGB or CMYK, not smaller than was asked for where possible."""

    image: Image.Image
    profile: bytes | None
    gamma: float | None
    metadata: MediaMetadata

    def to_srgb(self, image: Image.Image) -> Image.Image:
        """RGB of a resampled copy of this picture."""
        return colour.to_srgb(image, self.profile, self.gamma)


def decode(data: bytes, spec: InputSpec, decode_limits: DecodeLimits) -> Picture:
    """The picture in a file's bytes, at a model's input size.

    Raises:
        MediaError: No picture, damaged, truncated or over a limit; the message is the reason.
        ValueError: The spec names an unknown interpolation.
    """
    geometry.resampling(spec)
    small = decode_small(data, lambda size: geometry.needed_size(size, spec), decode_limits)
    with limits.reasons(data, decode_limits):
        fitted = geometry.fit(small.image, _size(small.metadata), spec, small.to_srgb)
    return _picture(fitted, small.metadata)


def decode_file(path: Path, spec: InputSpec, decode_limits: DecodeLimits) -> Picture:
    """The picture in a file, at a model's input size.

    Raises:
        MediaError: As `decode`, or the file cannot be read.
    """
    return decode(limits.read_file(path, decode_limits).data, spec, decode_limits)


def decode_small(
    data: bytes, needed: Callable[[geometry.Size], geometry.Size], decode_limits: DecodeLimits
) -> SmallImage:
    """The picture, upright, cheaply brought near the size `needed(upright size)` asks for.

    Raises:
        MediaError: As `decode`.
    """
    with limits.reasons(data, decode_limits), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # codecs warn of oddities they cope with
        limits.check_webp(data, decode_limits)
        image = formats.open_picture(data)
        size = _draft(image, needed)
        limits.check_memory(image, size, len(data), decode_limits)
        name = image.format or ""
        drafted = image.size != size
        image.load()
        orientation = orientation_of(read_exif(image))
        upright = _turned(size if drafted else image.size, orientation)
        metadata = read_metadata(image, upright, name)
        wanted = _turned(needed(upright), orientation)
        small = geometry.shrink(image, wanted, colour.tones_of(image))
        profile, gamma = colour.profile_of(image), colour.gamma_of(image)
    return SmallImage(_make_upright(small, orientation), profile, gamma, metadata)


def decode_reference(data: bytes, spec: InputSpec, decode_limits: DecodeLimits) -> Picture:
    """What `decode` approximates: everything decoded in full, one resampling at the end.

    Raises:
        MediaError: As `decode`.
    """
    with limits.reasons(data, decode_limits), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = formats.open_picture(data)
        limits.check_memory(image, image.size, len(data), decode_limits)
        name = image.format or ""
        image.load()
        orientation = orientation_of(read_exif(image))
        metadata = read_metadata(image, _turned(image.size, orientation), name)
        flat = colour.flatten(image, colour.tones_of(image))
        rgb = colour.to_srgb(flat, colour.profile_of(image), colour.gamma_of(image))
    upright = _make_upright(rgb, orientation)
    return _picture(geometry.fit(upright, upright.size, spec, lambda same: same), metadata)


def _draft(
    image: ImageFile.ImageFile, needed: Callable[[geometry.Size], geometry.Size]
) -> geometry.Size:
    """The stored size; a JPEG or HEIF is set to decode a smaller one if that serves."""
    size = image.size
    if image.format in ("JPEG", "HEIF"):
        orientation = orientation_of(read_exif(image))
        image.draft(image.mode, _turned(needed(_turned(size, orientation)), orientation))
    return size


def _turned(size: geometry.Size, orientation: int) -> geometry.Size:
    """Stored size to upright size, and back."""
    return (size[1], size[0]) if orientation in TRANSPOSING else size


def _size(metadata: MediaMetadata) -> geometry.Size:
    return metadata.width, metadata.height


def _make_upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def _picture(image: Image.Image, metadata: MediaMetadata) -> Picture:
    return Picture(np.asarray(image, dtype=np.uint8), metadata)
