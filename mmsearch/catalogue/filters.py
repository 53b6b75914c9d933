"""Filters as SQL: a condition on `media m`, and on `contents t` where it needs them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TypeAlias

from mmsearch.catalogue.database import SqlValue
from mmsearch.types import Filters, Orientation

Scope: TypeAlias = tuple[int, bytes, bytes]
"""`(root_id, low, high)`: the files of a root with `low <= path < high`."""

_FORMAT_OF_SUFFIX = {
    "JPG": "JPEG",
    "JPE": "JPEG",
    "JFIF": "JPEG",
    "TIF": "TIFF",
    "HEIC": "HEIF",
    "HIF": "HEIF",
    "JP2": "JPEG2000",
    "J2K": "JPEG2000",
}
_SHAPES = {
    Orientation.LANDSCAPE: "t.width > t.height",
    Orientation.PORTRAIT: "t.width < t.height",
    Orientation.SQUARE: "t.width = t.height",
}
_HIGHEST = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition with its parameters; `tables` are what it needs beside captions."""

    sql: str
    parameters: tuple[SqlValue, ...]
    tables: str


def condition_of(filters: Filters, scopes: Sequence[Scope] | None) -> Condition:
    """What a file must fulfil; `scopes` are those of `filters.under`, None = everywhere."""
    places = [] if scopes is None else [_inside(scopes)]
    about = list(_about_content(filters))
    parts = [*places, *about]
    return Condition(
        sql=" AND ".join(sql for sql, _ in parts) or "1",
        parameters=tuple(value for _, values in parts for value in values),
        tables="media m JOIN contents t USING (content_id)" if about else "media m",
    )


def _inside(scopes: Sequence[Scope]) -> tuple[str, tuple[SqlValue, ...]]:
    one = "(m.root_id = ? AND m.path >= ? AND m.path < ?)"
    sql = " OR ".join([one] * len(scopes)) or "0"
    return f"({sql})", tuple(value for scope in scopes for value in scope)


def _about_content(filters: Filters) -> Iterator[tuple[str, tuple[SqlValue, ...]]]:
    if filters.taken_from is not None or filters.taken_to is not None:
        yield _between(filters.taken_from or date.min, filters.taken_to or date.max)
    if filters.formats:
        names = tuple(_format(name) for name in filters.formats)
        yield f"upper(t.format) IN ({', '.join('?' * len(names))})", names
    if filters.orientation is not None:
        yield _SHAPES[filters.orientation], ()


def _between(first: date, last: date) -> tuple[str, tuple[SqlValue, ...]]:
    """Days by the camera's own clock where it told the time, else by the file's."""
    sql = (
        "CASE WHEN t.taken_at IS NULL THEN m.mtime_ns BETWEEN ? AND ? "
        "ELSE substr(t.taken_at, 1, 10) BETWEEN ? AND ? END"
    )
    return sql, (_start_ns(first), _end_ns(last), first.isoformat(), last.isoformat())


def _start_ns(day: date) -> int:
    """The first nanosecond of a local day, as far as SQLite's integers reach."""
    try:
        seconds = datetime.combine(day, time()).timestamp()
    except (ValueError, OverflowError, OSError):  # the calendar's first days, before any zone
        return -_HIGHEST
    return max(-_HIGHEST, min(int(seconds) * 10**9, _HIGHEST))


def _end_ns(day: date) -> int:
    """The last nanosecond of a local day, likewise."""
    if day == date.max:
        return _HIGHEST
    return max(-_HIGHEST, _start_ns(day + timedelta(days=1)) - 1)


def _format(name: str) -> str:
    """A format's name as the catalogue has it, in capitals."""
    plain = name.strip().removeprefix(".").upper()
    return _FORMAT_OF_SUFFIX.get(plain, plain)
