"""What decoding one file may cost: by the machine's memory, unless the settings say otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmsearch.media import machine

if TYPE_CHECKING:
    from mmsearch.config import Settings

DECODING_SHARE = 0.5
"""Of the machine's memory, for all workers together; the rest is for model, vectors and system."""

LEAST_MEMORY_MB, MOST_MEMORY_MB = 256, 2048
"""What a worker may take at least (a telephone's HEIC needs 170 MB), and at most by default."""

MOST_PIXELS = 1_000_000_000
"""However much memory there is: decoding so many takes seconds, and few pictures have more."""


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What decoding one file may cost: pixels of the whole picture, seconds, megabytes (2^20).

    Time is enforced where decoding runs in a worker process (`DecodePool`), memory by the
    header everywhere and by the operating system in workers on Linux.
    """

    max_pixels: int = 300_000_000
    timeout_s: float = 60.0
    memory_mb: int = 1024


def limits_for(memory_bytes: int, workers: int) -> DecodeLimits:
    """The limits for each of `workers` on a machine that has so much memory to give.

    Together they may take `DECODING_SHARE` of it, each between `LEAST_MEMORY_MB` and
    `MOST_MEMORY_MB`.
    """
    share_mb = int(memory_bytes * DECODING_SHARE / workers) >> 20
    memory_mb = min(max(share_mb, LEAST_MEMORY_MB), MOST_MEMORY_MB)
    return DecodeLimits(max_pixels=_pixels_within(memory_mb), memory_mb=memory_mb)


def limits_of(settings: Settings) -> DecodeLimits:
    """The limits that hold under `settings`, for files, questions' pictures and uploads alike."""
    given_mb, given_megapixels = settings.decode_memory_mb, settings.max_megapixels
    memory_mb = given_mb or limits_for(machine.memory_bytes(), settings.decode_workers).memory_mb
    return DecodeLimits(
        max_pixels=round(given_megapixels * 1e6) if given_megapixels else _pixels_within(memory_mb),
        timeout_s=settings.decode_timeout_s,
        memory_mb=memory_mb,
    )


def _pixels_within(memory_mb: int) -> int:
    """A pixel a byte, which grey and palette pictures take; memory bounds all that take more.

    A JPEG takes less, at an eighth of its size: it is its time that this bounds.
    """
    return min(memory_mb << 20, MOST_PIXELS)
