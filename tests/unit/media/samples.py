"""Pictures made on the spot, so that these tests need no files."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mmsearch.media.decode_limits import DecodeLimits
from mmsearch.types import InputSpec, ResizeMode

LIMITS = DecodeLimits(max_pixels=50_000_000, timeout_s=30.0, memory_mb=512)


def scene(width: int = 160, height: int = 120) -> Image.Image:
    """A smooth picture without any symmetry: red grows right, green down, blue in one corner."""
    across = np.linspace(0, 255, width)[None, :]
    down = np.linspace(0, 255, height)[:, None]
    pixels = np.zeros((height, width, 3))
    pixels[..., 0] = across
    pixels[..., 1] = down
    pixels[: height // 3, : width // 4, 2] = 200
    return Image.fromarray(pixels.astype(np.uint8))


def encoded(image: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    """The picture as a file's bytes."""
    out = io.BytesIO()
    image.save(out, file_format, **options)
    return out.getvalue()


def spec(width: int = 32, height: int = 32, mode: ResizeMode = ResizeMode.SQUASH) -> InputSpec:
    """An input size small enough to keep tests fast."""
    return InputSpec(height, width, mode)


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Mean absolute difference, in levels of 255."""
    return float(np.abs(one.astype(float) - other.astype(float)).mean())
