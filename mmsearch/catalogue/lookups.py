"""What a search asks of the catalogue: rows for ids, ids for filters."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from pathlib import Path

import numpy as np

from mmsearch.catalogue.encoding import path_below, path_bytes, relative_below
from mmsearch.catalogue.filters import Condition, condition_of
from mmsearch.catalogue.records import CatalogueCounts
from mmsearch.catalogue.roots import Roots
from mmsearch.errors import CatalogueError
from mmsearch.types import NO_FILTERS, Failure, Filters, Ids, MediaMetadata, MediaRecord

MEDIA_COLUMNS = (
    "m.media_id, m.content_id, m.path, m.size_bytes, m.mtime_ns, r.path AS root, r.online, "
    "t.digest, t.width, t.height, t.format, t.taken_at, t.latitude, t.longitude, t.camera"
)
MEDIA_TABLES = "media m JOIN roots r USING (root_id) JOIN contents t USING (content_id)"


class Lookups(Roots):
    """The part of the catalogue that turns ids into files and folders into ids."""

    def media_for_contents(self, ids: Ids, filters: Filters = NO_FILTERS) -> dict[int, MediaRecord]:
        """One file of each content, by content id; contents without a file are absent.

        Of several files with the same bytes: one that passes the filters, on line rather than
        not, then the lowest media id.
        """
        condition = condition_of(filters, self._scopes(filters.under))
        rows = self._db.read(
            f"SELECT {MEDIA_COLUMNS} FROM {MEDIA_TABLES} "  # noqa: S608 - fixed names
            f"WHERE m.content_id IN (SELECT value FROM json_each(?)) AND {condition.sql} "
            "ORDER BY r.online DESC, m.media_id",
            (json.dumps(ids.tolist()), *condition.parameters),
        )
        chosen: dict[int, MediaRecord] = {}
        for row in rows:
            if row["content_id"] not in chosen:
                chosen[row["content_id"]] = media_record(row)
        return chosen

    def media(self, media_id: int) -> MediaRecord | None:
        """The file of an id; None when there is none (any more)."""
        rows = self._db.read(
            f"SELECT {MEDIA_COLUMNS} FROM {MEDIA_TABLES} WHERE m.media_id = ?",  # noqa: S608 - fixed names
            (media_id,),
        )
        return media_record(rows[0]) if rows else None

    def media_of_content(self, content_id: int) -> list[MediaRecord]:
        """All files with these bytes, lowest media id first."""
        rows = self._db.read(
            f"SELECT {MEDIA_COLUMNS} FROM {MEDIA_TABLES} "  # noqa: S608 - fixed names
            "WHERE m.content_id = ? ORDER BY m.media_id",
            (content_id,),
        )
        return [media_record(row) for row in rows]

    def media_at(self, path: Path) -> MediaRecord | None:
        """The file at an absolute path; None when it is not indexed."""
        if (root := self.cover_root(path)) is None:
            return None
        relative = relative_below(path_bytes(root.path), path_bytes(path))
        rows = self._db.read(
            f"SELECT {MEDIA_COLUMNS} FROM {MEDIA_TABLES} WHERE m.root_id = ? AND m.path = ?",  # noqa: S608 - fixed names
            (root.root_id, relative),
        )
        return media_record(rows[0]) if rows else None

    def failure_at(self, path: Path) -> Failure | None:
        """The recorded failure of the file at an absolute path, None without one."""
        if (root := self.cover_root(path)) is None:
            return None
        relative = relative_below(path_bytes(root.path), path_bytes(path))
        rows = self._db.read(
            "SELECT f.*, r.path AS root FROM failures f JOIN roots r USING (root_id) "
            "WHERE f.root_id = ? AND f.path = ?",
            (root.root_id, relative),
        )
        return _failure(rows[0]) if rows else None

    def failures(self) -> list[Failure]:
        """All files that could not be indexed, by root and path."""
        rows = self._db.read(
            "SELECT f.*, r.path AS root FROM failures f JOIN roots r USING (root_id) "
            "ORDER BY f.root_id, f.path"
        )
        return [_failure(row) for row in rows]

    def allowed_contents(self, filters: Filters = NO_FILTERS) -> Ids:
        """Content ids `(a,)`, ascending, of the files that pass the filters."""
        condition = condition_of(filters, self._scopes(filters.under))
        return self._ids(
            f"SELECT DISTINCT m.content_id FROM {condition.tables} WHERE {condition.sql} "  # noqa: S608 - fixed names
            "ORDER BY 1",
            condition,
        )

    def counts(self) -> CatalogueCounts:
        """How many rows of each kind there are."""
        row = self._db.read(
            "SELECT (SELECT count(*) FROM roots) AS roots, (SELECT count(*) FROM media) AS files, "
            "(SELECT count(*) FROM contents) AS contents, "
            "(SELECT count(*) FROM captions) AS captions, "
            "(SELECT count(*) FROM failures) AS failures"
        )[0]
        return CatalogueCounts(*row)

    def _ids(self, sql: str, condition: Condition) -> Ids:
        """The ids `(n,)` that a query gives."""
        rows = self._db.read(sql, condition.parameters)
        return np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))


def media_record(row: sqlite3.Row) -> MediaRecord:
    """The file of a row that holds `MEDIA_COLUMNS`.

    Raises:
        CatalogueError: The row is damaged beyond reading.
    """
    try:
        return _readable_record(row)
    except (ValueError, TypeError, AttributeError) as exc:
        raise CatalogueError(
            f"the catalogue's row of file {row['media_id']} is damaged ({exc}): "
            "'mmsearch verify' tells what else is; restore a backup"
        ) from exc


def _readable_record(row: sqlite3.Row) -> MediaRecord:
    taken_at = row["taken_at"]
    metadata = MediaMetadata(
        width=row["width"],
        height=row["height"],
        format=row["format"],
        taken_at=datetime.fromisoformat(taken_at) if taken_at else None,
        latitude=row["latitude"],
        longitude=row["longitude"],
        camera=row["camera"],
    )
    return MediaRecord(
        media_id=row["media_id"],
        content_id=row["content_id"],
        path=path_below(row["root"], row["path"]),
        size_bytes=row["size_bytes"],
        mtime_ns=row["mtime_ns"],
        digest=row["digest"].hex(),
        metadata=metadata,
        online=bool(row["online"]),
    )


def _failure(row: sqlite3.Row) -> Failure:
    path = path_below(row["root"], row["path"])
    return Failure(path, row["reason"], datetime.fromisoformat(row["failed_at"]))
