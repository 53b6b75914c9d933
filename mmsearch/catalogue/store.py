"""The catalogue as other rooms see it: one class, whose parts each live beside their SQL."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self

from mmsearch.catalogue.captions import Captions
from mmsearch.catalogue.database import Database, open_database
from mmsearch.catalogue.facets import FacetCounts
from mmsearch.catalogue.soundness import Soundness
from mmsearch.catalogue.space_changes import SpaceChanges
from mmsearch.closing import Closing


class Catalogue(FacetCounts, Captions, Soundness, SpaceChanges, Closing):
    """The truth of an index: roots, files, captions, spaces, embeddings, failures.

    Several processes may read and write one at the same time. One object serves one thread at a
    time; opening another takes about a millisecond.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    @classmethod
    def open(cls, path: Path, *, create: bool = False) -> Self:
        """The catalogue in a file; `create` makes what is missing.

        In a folder that cannot be written it still opens, for reading.

        Raises:
            CatalogueError: Missing, empty, newer, damaged, or of another program.
        """
        return cls(open_database(path, create=create))

    @property
    def path(self) -> Path:
        """The SQLite file."""
        return self._db.path

    @property
    def writable(self) -> bool:
        """Whether changes can be written; False in a read-only folder."""
        return self._db.writable

    @property
    def generation(self) -> int:
        """A number that grows with every change of files or embeddings."""
        return self._db.number("SELECT generation FROM meta")

    def snapshot(self) -> AbstractContextManager[None]:
        """A context in which all reading sees one state, whatever others commit meanwhile."""
        return self._db.snapshot()

    def checkpoint(self) -> None:
        """Move what the write-ahead log holds into the file: the end of a run."""
        self._db.checkpoint()

    def sync(self) -> None:
        """See that what is committed outlives a loss of power.

        Before anything is kept that counts on it, such as a vector file of its generation.

        Raises:
            CatalogueError: The disk fails.
        """
        self._db.sync()

    def copy_to(self, path: Path, on_pages: Callable[[int, int], None]) -> None:
        """Write one state of the catalogue to a new file, whatever others commit meanwhile.

        Args:
            path: The new file; it is left half-written where this fails.
            on_pages: Told how many pages are done, and of how many.

        Raises:
            CatalogueError: The catalogue cannot be read, or `path` not written.
        """
        from mmsearch.catalogue.copies import copy_database

        copy_database(self._db, path, on_pages)

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        self._db.close()
