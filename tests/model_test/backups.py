"""The backups of a trial: each folder with the state of the index that it is of."""

from __future__ import annotations

import shutil
from typing import cast

from tests.model_test import upkeep
from tests.model_test.actions import Outcome, Places
from tests.model_test.indexing import Refused
from tests.model_test.operations import RESTORE_POINT, Arguments
from tests.model_test.state import State


class Backups:
    """What can be restored, by the number of the backup."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._states: dict[int, State] = {}

    def make_room(self, arguments: Arguments, state: State) -> None:
        """Remove the backup that is to be made anew, if it is.

        Raises:
            Refused: There is no index, or the backup is there.
        """
        number = _number(arguments)
        folder = self._places.backup(number)
        if arguments.get("anew"):
            self._remove(number)
        upkeep.needs_index(state)
        if folder.is_dir() and any(folder.iterdir()):
            raise Refused("CatalogueError")

    def restore(self, arguments: Arguments, state: State) -> None:
        """Make a state what a backup holds.

        Raises:
            Refused: There is no such backup.
        """
        saved = self._states.get(_number(arguments))
        if saved is None:
            raise Refused("CatalogueError")
        for name in State.__slots__:
            setattr(state, name, getattr(saved.copied(), name))

    def made(self, arguments: Arguments, state: State) -> None:
        """Remember of what state a backup is."""
        self._states[_number(arguments)] = state.copied()

    def look_at(self, arguments: Arguments, state: State) -> None:
        """Look whether one that was stopped was made: with a record a folder is a whole backup."""
        number = _number(arguments)
        if (self._places.backup(number) / "backup.json").is_file():
            self._states.setdefault(number, state.copied())

    def take_restore_point(self, old: State) -> None:
        """Let the last restore point be a backup like any other."""
        link = self._places.backup(RESTORE_POINT)
        link.unlink(missing_ok=True)
        self._states.pop(RESTORE_POINT, None)
        point = self._places.newest_restore_point()
        if old.exists and point is not None:
            link.symlink_to(point)
            self._states[RESTORE_POINT] = old.copied()

    def forget(self, arguments: Arguments, outcome: Outcome) -> None:
        """Remove a backup of which nobody can tell what moment it is of."""
        number = _number(arguments)
        if outcome.ended_well or number not in self._states:
            self._remove(number)

    def _remove(self, number: int) -> None:
        shutil.rmtree(self._places.backup(number), ignore_errors=True)
        self._states.pop(number, None)


def _number(arguments: Arguments) -> int:
    return cast("int", arguments["number"])
