"""Which column of a table holds what, by the names that people give them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

FILE_NAMES = (
    *("file", "filename", "file_name", "image", "path", "filepath", "file_path"),
    *("image_path", "image_file", "img", "image_name"),
)
CAPTION_NAMES = ("caption", "text", "title", "sentence", "captions", "description", "raw")
SPLIT_NAMES = ("split", "set", "subset", "partition")


@dataclass(frozen=True, slots=True)
class Columns:
    """The table's own names of the columns that matter; None = the table has none."""

    caption: str
    file: str | None
    split: str | None


def find_columns(names: Iterable[str]) -> Columns | None:
    """The columns among `names`, the earlier alias first; None without a caption column."""
    known = {_plain(name): name for name in reversed(list(names))}
    caption = _first(known, CAPTION_NAMES)
    if caption is None:
        return None
    return Columns(caption, _first(known, FILE_NAMES), _first(known, SPLIT_NAMES))


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _first(known: dict[str, str], aliases: tuple[str, ...]) -> str | None:
    return next((known[alias] for alias in aliases if alias in known), None)
