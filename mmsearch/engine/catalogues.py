"""Open catalogues for many threads: each has one to itself while it works."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.errors import CatalogueError

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue


class Catalogues:
    """Connections to one catalogue file: as many as work at once, kept open between uses."""

    def __init__(self, path: Path, missing: str) -> None:
        """Take the file, and what to say where there is none."""
        self._path = path
        self._missing = missing
        self._lock = threading.Lock()
        self._idle: list[Catalogue] = []
        self._closings = 0

    @property
    def path(self) -> Path:
        """The SQLite file, which may not be there yet."""
        return self._path

    def exists(self) -> bool:
        """Whether there is a catalogue file.

        Raises:
            CatalogueError: The disk does not tell.
        """
        from mmsearch.catalogue.clear_errors import size_of_catalogue

        return size_of_catalogue(self._path) is not None

    @contextmanager
    def lease(self, *, create: bool = False) -> Iterator[Catalogue]:
        """A catalogue for the calling thread alone; `create` makes the file.

        Raises:
            CatalogueError: There is none and `create` is False; or it cannot be opened.
        """
        with self._lock:
            closings = self._closings
            catalogue = self._idle.pop() if self._idle else None
        if catalogue is None:
            catalogue = self._open(create)
        sound = False
        try:
            yield catalogue
            sound = True
        except Exception:
            sound = True
            raise
        finally:
            # Ctrl-C may have struck in the midst of a statement: that connection is not kept.
            self._give_back(catalogue, keep=sound, closings=closings)

    def close(self) -> None:
        """Close all; one that is in use closes when it is given back. May be called twice."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._closings += 1
        for catalogue in idle:
            catalogue.close()

    def _open(self, create: bool) -> Catalogue:
        from mmsearch.catalogue import Catalogue

        if not create and not self.exists():
            raise CatalogueError(self._missing)
        return Catalogue.open(self._path, create=create)

    def _give_back(self, catalogue: Catalogue, *, keep: bool, closings: int) -> None:
        with self._lock:
            keep = keep and closings == self._closings
            if keep:
                self._idle.append(catalogue)
        if not keep:
            catalogue.close()
