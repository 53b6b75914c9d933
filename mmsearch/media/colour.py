"""From any pixel mode to the RGB a person sees: transparency on white, sRGB, 8 bits.

Two steps, so that the costly one runs on few pixels: `flatten` makes pixels that may be
averaged (L, RGB or CMYK) and works on bands of a big picture; `to_srgb` applies ICC profile or
gamma and is called once the picture is small.
"""

from __future__ import annotations

import functools
import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

log = logging.getLogger(__name__)

WHITE = (255, 255, 255)
_AVERAGEABLE = frozenset({"L", "RGB", "CMYK"})
_DISPLAY_GAMMA = 2.2
_PROFILE_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK"}
_SPARSE_BITS = 12
_BAND_PIXELS = 1 << 20


@dataclass(frozen=True, slots=True)
class Tones:
    """How raw values become 8 bits: `low` is black, `high` white. `opaque`: alpha is ignored."""

    low: float = 0.0
    high: float = 255.0
    opaque: bool = False


def tones_of(image: Image.Image) -> Tones:
    """The value range of a loaded picture and whether its alpha means anything.

    16-bit pictures span their nominal range; where they use less than a sixteenth of it, they
    come from an instrument with fewer bits, and the next power of two counts. 32-bit integers
    and floats have no nominal range: the first usual one that holds the values is taken, else
    what they span. A bitmap (BMP, TGA) whose alpha is 0 everywhere left that byte unused.
    """
    if image.mode.startswith("I;16"):
        highest = max(int(values.max()) for values in _bands(image))
        bits = 16 if highest >> _SPARSE_BITS else max(8, highest.bit_length())
        return Tones(0.0, float((1 << bits) - 1))
    if image.mode in ("I", "F"):
        return _span(image)
    if image.mode == "RGBA" and image.format in ("BMP", "TGA"):
        return Tones(opaque=image.getchannel("A").getextrema() == (0, 0))
    return Tones()


def is_flat(image: Image.Image) -> bool:
    """Whether `flatten` would return the picture itself."""
    return image.mode in _AVERAGEABLE and not image.has_transparency_data


def flatten(image: Image.Image, tones: Tones) -> Image.Image:
    """The picture, or a band of it, in mode L, RGB or CMYK; transparency over white."""
    if is_flat(image):
        return image
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _scaled(image, tones)
    if image.has_transparency_data:
        layered = image if image.mode == "RGBA" else image.convert("RGBA")
        if tones.opaque:
            return layered.convert("RGB")
        canvas = Image.new("RGB", image.size, WHITE)
        canvas.paste(layered, mask=layered.getchannel("A"))
        return canvas
    return image.convert("L" if image.mode == "1" else "RGB")


def to_srgb(image: Image.Image, profile: bytes | None, gamma: float | None) -> Image.Image:
    """RGB of a flat picture (L, RGB or CMYK), colours as its ICC profile or gamma says."""
    if profile:
        transform = _transform(profile, image.mode)
        if transform is not None:
            return transform.apply(image)
    elif gamma and abs(gamma * _DISPLAY_GAMMA - 1) > 0.05:
        exponent = 1 / (gamma * _DISPLAY_GAMMA)
        curve = [round(255 * (value / 255) ** exponent) for value in range(256)]
        image = image.point(curve * len(image.getbands()))
    return image if image.mode == "RGB" else image.convert("RGB")


def profile_of(image: Image.Image) -> bytes | None:
    """The embedded ICC profile, or None."""
    profile = image.info.get("icc_profile")
    return profile if isinstance(profile, bytes) and profile else None


def gamma_of(image: Image.Image) -> float | None:
    """Encoding gamma that a PNG declares (gAMA), None where another chunk overrules it."""
    gamma = image.info.get("gamma")
    if image.format != "PNG" or "srgb" in image.info or not isinstance(gamma, float):
        return None
    return gamma if 0.01 < gamma < 10 else None


@functools.lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Conversion of `mode` pixels to sRGB; None where the profile is sRGB or of no use."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        described = (source.profile.profile_description or "").lower()
        if space != _PROFILE_SPACES[mode] or "srgb" in described:
            return None
        target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        return ImageCms.ImageCmsTransform(
            source, target, mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as exc:
        log.debug("ICC profile ignored: %s", exc)
        return None


def _bands(image: Image.Image) -> Iterator[NDArray[np.generic]]:
    """The values of a picture of one channel, band by band: all at once would take them twice."""
    rows = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield np.asarray(image.crop((0, top, image.width, min(top + rows, image.height))))


def _span(image: Image.Image) -> Tones:
    finite = (values[np.isfinite(values)] for values in _bands(image))
    spans = [(float(values.min()), float(values.max())) for values in finite if values.size]
    low = min((span[0] for span in spans), default=0.0)
    high = max((span[1] for span in spans), default=1.0)
    tops = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 32767.0, 65535.0)
    for top in tops:
        if low >= 0 and high <= top:
            return Tones(0.0, top)
    return Tones(low, high)


def _scaled(image: Image.Image, tones: Tones) -> Image.Image:
    values = np.asarray(image).astype(np.float32)
    span = max(tones.high - tones.low, 1e-30)
    grey = np.nan_to_num((values - tones.low) * (255 / span), nan=0.0, posinf=255.0, neginf=0.0)
    return Image.fromarray(np.clip(np.rint(grey), 0, 255).astype(np.uint8))
