"""What an index holds, in plain dictionaries: the form in which model and catalogue compare."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Self

Spaces = set[str]
"""Names of the models that have embedded something."""


@dataclass(slots=True)
class Row:
    """A catalogued file; `captions` are its texts, each with the models that embedded it.

    `media_id` is None until it was seen in the catalogue: from then on it must not change.
    """

    digest: str
    size_bytes: int
    mtime_ns: int
    captions: dict[str, Spaces] = field(default_factory=dict)
    media_id: int | None = None

    def is_as(self, size_bytes: int, mtime_ns: int) -> bool:
        """Whether a file of this stat would be taken for unchanged."""
        return (self.size_bytes, self.mtime_ns) == (size_bytes, mtime_ns)


@dataclass(frozen=True, slots=True)
class BadFile:
    """A recorded failure."""

    size_bytes: int
    mtime_ns: int
    reason: str

    def is_as(self, size_bytes: int, mtime_ns: int) -> bool:
        """Whether a file of this stat need not be tried again."""
        return (self.size_bytes, self.mtime_ns) == (size_bytes, mtime_ns)


@dataclass(slots=True)
class State:
    """An index; it `has_file` without an index where its making was stopped.

    Paths are absolute; `contents` are digests with the models that embedded them.

    `content_ids`, `caption_ids` and `last_ids` are as `Row.media_id`: learned from the catalogue.
    `last_ids` are the highest ids ever given to files and to contents.
    """

    exists: bool = False
    has_file: bool = False
    roots: dict[str, bool] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    failures: dict[str, BadFile] = field(default_factory=dict)
    contents: dict[str, Spaces] = field(default_factory=dict)
    content_ids: dict[str, int] = field(default_factory=dict)
    caption_ids: dict[int, tuple[str, Spaces]] = field(default_factory=dict)
    free: dict[str, Spaces] = field(default_factory=dict)
    spaces: list[str] = field(default_factory=list)
    default: str | None = None
    previous: str | None = None
    last_ids: tuple[int, int] = (0, 0)

    def copied(self) -> Self:
        """A state of its own."""
        return copy.deepcopy(self)

    def root_of(self, path: str) -> str | None:
        """The root that covers a path."""
        return next((root for root in self.roots if is_below(path, root)), None)

    def rows_of(self, digest: str) -> list[tuple[str, Row]]:
        """The files of equal bytes, oldest first; those that have no id yet are the youngest."""
        found = [(path, row) for path, row in self.rows.items() if row.digest == digest]
        return sorted(found, key=lambda pair: _age(pair[1]))

    def is_online(self, path: str) -> bool:
        """Whether the root of a path is thought to be there."""
        root = self.root_of(path)
        return root is not None and self.roots[root]

    def add_space(self, model: str) -> None:
        """Know a model; the first becomes the default."""
        if model not in self.spaces:
            self.spaces.append(model)
        self.default = self.default or model

    def switch(self, model: str) -> None:
        """Make a model the default and remember the one before."""
        if self.default != model:
            self.previous, self.default = self.default, model

    def drop_rows(self, paths: list[str]) -> None:
        """Forget files, with their captions."""
        for path in paths:
            self.rows.pop(path, None)

    def drop_orphans(self) -> None:
        """Forget contents that have no file."""
        used = {row.digest for row in self.rows.values()}
        self.contents = {one: held for one, held in self.contents.items() if one in used}
        self.content_ids = {one: held for one, held in self.content_ids.items() if one in used}

    def captions(self) -> list[dict[str, Spaces]]:
        """All captions, file by file, the free ones last."""
        return [*(row.captions for row in self.rows.values()), self.free]


def is_below(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies in it."""
    return path == folder or path.startswith(f"{folder}/")


def _age(row: Row) -> float:
    return float("inf") if row.media_id is None else row.media_id
