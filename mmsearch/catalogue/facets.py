"""What there is to filter by: formats, shapes, days and folders, with counts of files."""

from __future__ import annotations

import heapq
import os
from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import TypeVar

from mmsearch.catalogue.files import Files
from mmsearch.catalogue.records import RootRecord
from mmsearch.types import (
    Facets,
    FolderCount,
    FormatCount,
    Orientation,
    OrientationCount,
    local_day,
)

MOST_FOLDERS = 1000
"""So many folders are told at most: more than that nobody picks from a list."""

Counted = TypeVar("Counted", bound=str)

_SHAPES = {1: Orientation.LANDSCAPE, 0: Orientation.SQUARE, -1: Orientation.PORTRAIT}


class FacetCounts(Files):
    """The part of the catalogue that counts its files by what they can be filtered by."""

    def facets(self) -> Facets:
        """Counts of files by format, orientation and folder; the first day and the last."""
        rows = self._db.read(
            "SELECT t.format, (t.width > t.height) - (t.width < t.height) AS shape, "
            "count(*) AS files, min(t.taken_at) AS first_taken, max(t.taken_at) AS last_taken, "
            "min(m.mtime_ns) FILTER (WHERE t.taken_at IS NULL) AS first_ns, "
            "max(m.mtime_ns) FILTER (WHERE t.taken_at IS NULL) AS last_ns "
            "FROM media m JOIN contents t USING (content_id) GROUP BY 1, 2"
        )
        formats: Counter[str] = Counter()
        shapes: Counter[Orientation] = Counter()
        for row in rows:
            formats[row["format"]] += row["files"]
            shapes[_SHAPES[row["shape"]]] += row["files"]
        texts = [row[name] for row in rows for name in ("first_taken", "last_taken")]
        times = [row[name] for row in rows for name in ("first_ns", "last_ns")]
        days = sorted(_days(texts, times))
        folders, n_folders = self._folders()
        return Facets(
            n_files=formats.total(),
            formats=tuple(FormatCount(*pair) for pair in _most_first(formats)),
            orientations=tuple(OrientationCount(*pair) for pair in _most_first(shapes)),
            first_date=days[0] if days else None,
            last_date=days[-1] if days else None,
            folders=folders,
            n_folders=n_folders,
        )

    def _folders(self) -> tuple[tuple[FolderCount, ...], int]:
        """The folders with most files, by path; how many there are in all."""
        roots: list[FolderCount] = []
        inner: list[FolderCount] = []
        for root in self.roots():
            counts = self._files_below(root)
            roots.append(FolderCount(root.path, counts.pop(b"", 0)))
            inner += [FolderCount(root.path / os.fsdecode(f), n) for f, n in counts.items()]
        room = max(0, MOST_FOLDERS - len(roots))
        largest = heapq.nlargest(room, inner, key=lambda folder: folder.n_files)
        told = sorted((*roots, *largest), key=lambda folder: folder.path)
        return tuple(told), len(roots) + len(inner)

    def _files_below(self, root: RootRecord) -> Counter[bytes]:
        """How many files lie at or below each folder of a root; `b""` is the root itself."""
        direct = Counter(f.relative.rpartition(b"/")[0] for f in self.known_files(root.root_id))
        below: Counter[bytes] = Counter()
        for folder, count in direct.items():
            place = folder
            below[place] += count
            while place:
                place = place.rpartition(b"/")[0]
                below[place] += count
        return below


def _days(texts: Iterable[str | None], times_ns: Iterable[int | None]) -> list[date]:
    """The days of times as the catalogue keeps them; what no calendar has is left out."""
    taken = [date.fromisoformat(text[:10]) for text in texts if text is not None]
    written = [local_day(time_ns) for time_ns in times_ns if time_ns is not None]
    return taken + [day for day in written if day is not None]


def _most_first(counts: Counter[Counted]) -> list[tuple[Counted, int]]:
    """Names with their counts, most files first, then by name."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
