"""Holds a file to its limits, and gives the true reason when it is refused.

A bomb, a few hundred bytes that claim millions of pixels, is judged by what it claims: its memory
and pixels by the header, before a pixel is decoded, its time by the worker's clock. One within the
limits is decoded like any picture and costs no more than they say.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageFile

from mmsearch.errors import MediaError
from mmsearch.media.decode_limits import DecodeLimits
from mmsearch.media.formats import detail, sniff, webp_canvas
from mmsearch.media.reading import CHANGED, open_at_rest
from mmsearch.media.refusals import too_many_pixels, too_much_memory

__all__ = ["DecodeLimits", "FileBytes", "check_memory", "check_webp", "read_file", "reasons"]

_CODEC_BYTES_PER_PIXEL = {"WEBP": 17, "AVIF": 14, "HEIF": 14, "JPEG2000": 28}
"""Peak of decoder buffers, their RGB copy and Pillow's own; measured, rounded up."""

_MEMORY_WORDS = ("out of memory", "memory allocation", "decoder error -9")
_PLAIN_WORDS = {
    "not identified by this driver": "its header gives no size or no colours",
    "cannot load this image": "it holds no picture data",
    "decoder error -2": "broken data stream when reading image file",
}
"""What Pillow says in its own terms, in plain ones."""

_TRUNCATED_WORDS = ("truncated", "not enough image data", "end of file", "insufficient input")


@dataclass(frozen=True, slots=True)
class FileBytes:
    """A file as it was read in one go."""

    data: bytes
    size_bytes: int
    mtime_ns: int


def read_file(path: Path, limits: DecodeLimits) -> FileBytes:
    """The whole file, with the size and time it had both before and after reading.

    Raises:
        MediaError: It cannot be read, is no regular file, is larger than the memory limit, or
            changed while it was read (twice).
    """
    try:
        for _ in range(2):
            with open_at_rest(path) as opened:
                stamp = opened.stamp
                if stamp.size_bytes > limits.memory_mb << 20:
                    raise MediaError(too_much_memory(limits, stamp.size_bytes))
                data = opened.file.read()
                if len(data) == stamp.size_bytes and not opened.has_changed():
                    return FileBytes(data, stamp.size_bytes, stamp.mtime_ns)
    except MemoryError as exc:
        raise MediaError(too_much_memory(limits)) from exc
    raise MediaError(CHANGED)


def check_webp(data: bytes, limits: DecodeLimits) -> None:
    """Refuse a WebP over the limits before its decoder is even created.

    Raises:
        MediaError: Too many pixels or too much memory.
    """
    canvas = webp_canvas(data)
    if canvas is not None:
        _check_pixels(canvas, limits)
        _check_bytes(canvas[0] * canvas[1] * _CODEC_BYTES_PER_PIXEL["WEBP"], limits)


def check_memory(
    image: ImageFile.ImageFile, size: tuple[int, int], data_bytes: int, limits: DecodeLimits
) -> None:
    """Refuse an opened picture over the limits, before its pixels are decoded.

    `size` is the stored size; `image.size` may be smaller where a draft was chosen.

    Raises:
        MediaError: Too many pixels or too much memory.
    """
    _check_pixels(size, limits)
    pixels = image.size[0] * image.size[1]
    per_pixel = _CODEC_BYTES_PER_PIXEL.get(image.format or "", _bytes_per_pixel(image.mode))
    coefficients = int(size[0] * size[1] * _coefficient_bytes(image))
    _check_bytes(pixels * per_pixel + coefficients + data_bytes, limits)


@contextmanager
def reasons(data: bytes, limits: DecodeLimits) -> Iterator[None]:
    """Turn whatever a decoder raises into a MediaError with a true, short reason."""
    try:
        yield
    except MediaError:
        raise
    except MemoryError as exc:
        raise MediaError(too_much_memory(limits)) from exc
    except Image.DecompressionBombError as exc:
        raise MediaError(f"over the pixel limit: {detail(exc)}") from exc
    except Exception as exc:
        if _is_out_of_memory(str(exc).lower()):
            raise MediaError(too_much_memory(limits)) from exc
        raise MediaError(_reason(sniff(data) or "picture", exc)) from exc


def _is_out_of_memory(words: str) -> bool:
    """Whether a decoder got no memory; libheif says so of what is over limits of its own, too."""
    return "security limit" not in words and any(part in words for part in _MEMORY_WORDS)


def _reason(name: str, exc: Exception) -> str:
    words = f"no entry {detail(exc)}" if isinstance(exc, KeyError) else detail(exc)
    words = _PLAIN_WORDS.get(words, words)
    # Pillow meets the end of a header as one of these and wraps them in a SyntaxError.
    ended = isinstance(exc.__cause__ or exc, EOFError | IndexError | struct.error)
    # It has no signature: a damaged file of another kind may have its shape by chance.
    doubt = "; if it is no TGA, it is no picture" if name == "TGA" else ""
    if ended or any(part in words.lower() for part in _TRUNCATED_WORDS):
        return f"truncated: the {name} data ends before the picture does{doubt}"
    return f"damaged or unsupported {name}: {words}{doubt}"


def _check_pixels(size: tuple[int, int], limits: DecodeLimits) -> None:
    if size[0] * size[1] > limits.max_pixels:
        raise MediaError(too_many_pixels(size, limits))


def _check_bytes(needed: int, limits: DecodeLimits) -> None:
    if needed > limits.memory_mb << 20:
        raise MediaError(too_much_memory(limits, needed))


def _bytes_per_pixel(mode: str) -> int:
    """What Pillow stores: one byte for single 8-bit bands, two for 16-bit ones, else four."""
    if mode in ("1", "L", "P"):
        return 1
    return 2 if mode.startswith("I;16") else 4


def _coefficient_bytes(image: ImageFile.ImageFile) -> float:
    """Bytes per stored pixel that a progressive JPEG's coefficients take, at any draft scale."""
    layers = getattr(image, "layer", None)
    if image.format != "JPEG" or not layers or "progressive" not in image.info:
        return 0.0
    areas = [layer[1] * layer[2] for layer in layers]
    return float(2 * sum(areas) / max(*areas, 1))
