"""Which space is the default, which was before, and taking one out."""

from __future__ import annotations

import json
from collections.abc import Collection

from mmsearch.catalogue.schema_version import MODEL_CHANGES_SINCE
from mmsearch.catalogue.spaces import Spaces, space_of
from mmsearch.errors import CatalogueError
from mmsearch.types import Space


class SpaceChanges(Spaces):
    """The part of the catalogue that goes from one space to another, a transaction a step."""

    def previous_space(self) -> Space | None:
        """The space that was the default before the present one, if it is still here."""
        if self._db.number("PRAGMA user_version") < MODEL_CHANGES_SINCE:
            return None
        rows = self._db.read(
            "SELECT * FROM spaces WHERE space_id = (SELECT previous_space_id FROM meta)"
        )
        return space_of(rows[0]) if rows else None

    def added_in(self, space: Space) -> int | None:
        """The generation in which a space was added, None where it is not here.

        It is another one where the space was dropped and has come back. 0: of an older schema.
        """
        versioned = self._db.number("PRAGMA user_version") >= MODEL_CHANGES_SINCE
        since = "since" if versioned else "0"
        rows = self._db.read(
            f"SELECT {since} FROM spaces WHERE digest = ?",  # noqa: S608 - fixed names
            (space.digest,),
        )
        return int(rows[0][0]) if rows else None

    def set_default_space(self, key: str) -> None:
        """Make the space of this key the default, and the one before it the previous one.

        Answers from before and after are of different generations: their pages do not join.

        Raises:
            CatalogueError: There is no such space here.
        """
        chosen = [space for space in self.known_spaces() if space.key == key]
        if not chosen:
            raise CatalogueError(f"catalogue {self._db.path} has no space {key}: index with it")
        from mmsearch.catalogue.space_switching import switch_default

        with self._db.write() as connection:
            switch_default(connection, chosen[0])

    def set_default_when_complete(self, space: Space, besides: Collection[int]) -> bool:
        """Make `space` the default if it embeds all there is; whether it is the default now.

        Complete: every picture that has a file, but for the contents `besides`, and every caption.
        Looked at and switched in one transaction, so that nothing comes in between.

        Raises:
            CatalogueError: The space is unknown.
        """
        from mmsearch.catalogue.space_switching import n_missing, switch_default

        with self._db.write() as connection:
            if n_missing(connection, space, json.dumps(sorted(besides))):
                return False
            switch_default(connection, space)
            return True

    def drop_space(self, space: Space) -> None:
        """Take out a space with its embeddings and region features; the pictures stay.

        Raises:
            CatalogueError: It is the default, or is not here.
        """
        from mmsearch.catalogue.space_switching import drop_space

        with self._db.write() as connection:
            drop_space(connection, space)
