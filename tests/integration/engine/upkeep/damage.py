"""Damages an index on purpose."""

from __future__ import annotations

from mmsearch.catalogue import Catalogue
from mmsearch.engine.library import Library

N_PHOTOS = 6


def catalogue_of(library: Library) -> Catalogue:
    """The catalogue of a library, opened beside it."""
    return Catalogue.open(library.settings.index_dir / "catalogue.sqlite3")


def change(library: Library, sql: str, *values: object) -> None:
    """Run a statement behind the library's back."""
    with catalogue_of(library) as catalogue, catalogue._db.write() as connection:
        connection.exec_driver_sql(sql, values)
