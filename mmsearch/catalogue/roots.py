"""The folders that were indexed: none inside another, each perhaps offline."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.catalogue.database import Database
from mmsearch.catalogue.encoding import folder_range, path_bytes, relative_below
from mmsearch.catalogue.records import RootRecord

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Roots:
    """The part of the catalogue that knows which folders it covers."""

    _db: Database

    def roots(self) -> list[RootRecord]:
        """All roots, in the order they were added."""
        rows = self._db.read("SELECT root_id, path, online FROM roots ORDER BY root_id")
        return [
            RootRecord(row["root_id"], Path(os.fsdecode(row["path"])), bool(row["online"]))
            for row in rows
        ]

    def files_by_root(self) -> dict[int, int]:
        """How many files each root has, by root id; empty ones are absent."""
        rows = self._db.read("SELECT root_id, count(*) FROM media GROUP BY root_id")
        return {row[0]: row[1] for row in rows}

    def cover_root(self, path: Path) -> RootRecord | None:
        """The root that `path` is or lies below, None when nothing there was indexed."""
        place = path_bytes(path)
        for root in self.roots():
            if relative_below(path_bytes(root.path), place) is not None:
                return root
        return None

    def add_root(self, path: Path) -> RootRecord:
        """The root that covers `path`: a known one, else a new one.

        Known roots inside a new one become part of it; their files keep their media ids.
        """
        place = path_bytes(path)
        with self._db.write() as connection:
            if (known := self.cover_root(path)) is not None:
                return known
            inner = [
                (root.root_id, relative)
                for root in self.roots()
                if (relative := relative_below(place, path_bytes(root.path))) is not None
            ]
            root_id = _insert_root(connection, place)
            for inner_id, relative in inner:
                _absorb(connection, inner_id, root_id, relative + b"/")
        return RootRecord(root_id, path, online=True)

    def set_online(self, root_id: int, online: bool) -> None:
        """Remember whether a root's folder is there; its files stay known either way."""
        from mmsearch.catalogue.tables import roots

        current = self._db.number("SELECT online FROM roots WHERE root_id = ?", (root_id,))
        if bool(current) == online:
            return
        with self._db.write() as connection:
            connection.execute(
                roots.update().where(roots.c.root_id == root_id).values(online=int(online))
            )

    def _scopes(self, under: Path | None) -> list[tuple[int, bytes, bytes]] | None:
        """`(root_id, low, high)` ranges of media paths below a folder; None = everywhere.

        A path that is a file gives the range that holds just that file's row.
        """
        if under is None:
            return None
        place = path_bytes(under)
        scopes: list[tuple[int, bytes, bytes]] = []
        for root in self.roots():
            root_place = path_bytes(root.path)
            relative = relative_below(root_place, place)
            if relative:
                scopes.append((root.root_id, *folder_range(relative)))
                scopes.append((root.root_id, relative, relative + b"\x00"))
            elif relative == b"" or relative_below(place, root_place) is not None:
                scopes.append((root.root_id, *folder_range(b"")))
        return scopes


def _insert_root(connection: Connection, place: bytes) -> int:
    from mmsearch.catalogue.tables import roots

    added = connection.execute(roots.insert().values(path=place).returning(roots.c.root_id))
    return int(added.scalar_one())


def _absorb(connection: Connection, inner_id: int, outer_id: int, prefix: bytes) -> None:
    """Hand the rows of an inner root to the outer one, under their longer paths."""
    for table in ("media", "failures"):
        connection.exec_driver_sql(
            f"UPDATE {table} SET root_id = ?, path = CAST(? || path AS BLOB) WHERE root_id = ?",  # noqa: S608 - two fixed names
            (outer_id, prefix, inner_id),
        )
    connection.exec_driver_sql("DELETE FROM roots WHERE root_id = ?", (inner_id,))
