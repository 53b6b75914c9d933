"""Numbers, dates and paths as people read them."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmsearch.types import MediaRecord


def shown(path: Path | str) -> str:
    """The path as safe, whole text: control characters and bytes that are not text escaped.

    A file name may carry a newline or a terminal's escape codes; neither reaches the screen.
    """
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown_short(path: Path) -> str:
    """The path from the current folder where it lies below it, else whole."""
    try:
        return shown(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return shown(path)


def size_text(size_bytes: int) -> str:
    """A size in decimal units: `999 B`, `1.5 kB`, `23 MB`."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            digits = 1 if unit != "B" and size < 9.95 else 0
            return f"{size:.{digits}f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def date_text(media: MediaRecord) -> str:
    """The day the picture was taken, or else the day its file was written."""
    return "-" if media.date is None else media.date.isoformat()


def time_text(mtime_ns: int) -> str:
    """A file's time in local time; a time outside the calendar (a broken disk) is a dash."""
    try:
        return datetime.fromtimestamp(mtime_ns // 10**9).isoformat(" ")
    except (ValueError, OverflowError, OSError):
        return "-"


def count_text(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun: `1 picture`, `1,234 pictures`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def duration_text(seconds: float) -> str:
    """A duration: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours} h {minutes_left} min" if hours else f"{minutes} min {rest} s"
