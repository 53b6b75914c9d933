"""The words for a file that is over a limit, and whether they still hold under other limits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmsearch.media.decode_limits import DecodeLimits

_MEGA = 1_000_000
_PIXELS = re.compile(r"(\d+)x(\d+) is [\d.]+ megapixels, over the limit of ")
_MEMORY = re.compile(r"needs more than (\d+) MB of memory")
_TIME = re.compile(r"decoding took longer than ([\d.e+]+) s")


def too_many_pixels(size: tuple[int, int], limits: DecodeLimits) -> str:
    """Why a picture of this size is not decoded."""
    megapixels, allowed = size[0] * size[1] / _MEGA, limits.max_pixels / _MEGA
    return (
        f"{size[0]}x{size[1]} is {megapixels:.1f} megapixels, over the limit of {allowed:g}: "
        "raise max_megapixels"
    )


def too_much_memory(limits: DecodeLimits, needed_bytes: int | None = None) -> str:
    """Why a file is not decoded that needs too much memory, `needed_bytes` where that is known."""
    about = "" if needed_bytes is None else f" (about {-(-needed_bytes >> 20)})"
    return f"needs more than {limits.memory_mb} MB of memory{about}: raise decode_memory_mb"


def too_slow(limits: DecodeLimits) -> str:
    """Why decoding a file was given up."""
    return f"decoding took longer than {limits.timeout_s:.12g} s: raise decode_timeout_s"


def is_lifted(reason: str, limits: DecodeLimits) -> bool:
    """Whether a file that failed for `reason` was over a limit that is higher in `limits`.

    It may fail again, at another limit or by itself; without a higher limit it surely would.
    """
    if pixels := _PIXELS.match(reason):
        return int(pixels[1]) * int(pixels[2]) <= limits.max_pixels
    if memory := _MEMORY.match(reason):
        return limits.memory_mb > int(memory[1])
    if time := _TIME.match(reason):
        return limits.timeout_s > float(time[1])
    return False
