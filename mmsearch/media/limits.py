"""What a single file may cost, and the true reason when it is refused."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageFile

from mmsearch.errors import MediaError
from mmsearch.media.formats import detail, sniff, webp_canvas

_MEGA = 1_000_000
_CODEC_BYTES_PER_PIXEL = {"WEBP": 17, "AVIF": 14, "HEIF": 14, "JPEG2000": 28}
"""Peak of decoder buffers, their RGB copy and Pillow's own; measured, rounded up."""

UNREAD = "cannot be read"
"""How the reason begins where the system did not give a file's bytes: next time it may."""

_TRUNCATED_WORDS = ("truncated", "not enough image data", "end of file", "insufficient input")


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What decoding one file may cost: pixels of the whole picture, seconds, megabytes (2^20).

    Time is enforced where decoding runs in a worker process (`DecodePool`), memory by the
    header everywhere and by the operating system in workers on Linux.
    """

    max_pixels: int = 300_000_000
    timeout_s: float = 60.0
    memory_mb: int = 1024


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
            before = path.stat()
            if not stat.S_ISREG(before.st_mode):
                raise MediaError("not a regular file")
            if before.st_size > limits.memory_mb << 20:
                raise MediaError(_too_much(limits))
            with path.open("rb") as file:
                data = file.read()
                after = os.fstat(file.fileno())
            same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
            if same and len(data) == after.st_size:
                return FileBytes(data, after.st_size, after.st_mtime_ns)
    except OSError as exc:
        raise MediaError(f"{UNREAD}: {(exc.strerror or str(exc)).lower()}") from exc
    except ValueError as exc:  # a NUL in the path
        raise MediaError(f"{UNREAD}: {exc}") from exc
    except MemoryError as exc:
        raise MediaError(_too_much(limits)) from exc
    raise MediaError("changed while it was read")


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
        raise MediaError(_too_much(limits)) from exc
    except Image.DecompressionBombError as exc:
        raise MediaError(f"over the pixel limit: {detail(exc)}") from exc
    except Exception as exc:
        raise MediaError(_reason(sniff(data) or "picture", exc)) from exc


def _reason(name: str, exc: Exception) -> str:
    words = detail(exc)
    # Pillow meets the end of a header as one of these and wraps them in a SyntaxError.
    ended = isinstance(exc.__cause__ or exc, EOFError | IndexError | struct.error)
    if ended or any(part in words.lower() for part in _TRUNCATED_WORDS):
        return f"truncated: the {name} data ends before the picture does"
    return f"damaged or unsupported {name}: {words}"


def _check_pixels(size: tuple[int, int], limits: DecodeLimits) -> None:
    pixels = size[0] * size[1]
    if pixels > limits.max_pixels:
        allowed = limits.max_pixels / _MEGA
        raise MediaError(
            f"{size[0]}x{size[1]} is {pixels / _MEGA:.1f} megapixels, over the limit of {allowed:g}"
        )


def _check_bytes(needed: int, limits: DecodeLimits) -> None:
    if needed > limits.memory_mb << 20:
        raise MediaError(_too_much(limits))


def _too_much(limits: DecodeLimits) -> str:
    return f"needs more than {limits.memory_mb} MB of memory"


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
