"""What can be done, as data: drawn from a seed, written as JSON, done again."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from tests.fakes import COLOURS
from tests.model_test.contents import SUFFIXES, Content
from tests.model_test.disk import FOLDERS, ROOTS, Disk

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Arguments: TypeAlias = dict[str, Json]

MODELS = ("fake", "other")
N_BACKUPS = 4
RESTORE_POINT = N_BACKUPS
"""The backup that the last restore made of what was there before."""
N_NAMES = 8
INTERRUPTIBLE = ("index", "migrate")
BESIDE = (
    "index",
    "index",
    "migrate",
    "remove",
    "drop",
    "roll_back",
    "backup",
    "repair",
    "optimize",
)

DISK_KINDS = frozenset(
    (
        "write",
        "touch",
        "delete",
        "clear",
        "move",
        "swap",
        "move_folder",
        "copy",
        "unplug",
        "plug_in",
    )
)
KILLABLE = frozenset(
    ("index", "remove", "migrate", "roll_back", "drop", "backup", "restore", "repair", "optimize")
)
"""What changes the index and can be stopped."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that is done. `how`: "long" = by a library that stays open, "fresh" = by a new
    one, or "child" = in a process of its own, with a `plan` to stop it (see `killing.Plan`)."""

    kind: str
    arguments: Arguments = field(default_factory=dict)
    how: str = "long"
    plan: Arguments = field(default_factory=dict)

    def shape(self) -> Arguments:
        """The operation as JSON."""
        shape: Arguments = {"kind": self.kind}
        if self.arguments:
            shape["arguments"] = self.arguments
        if self.how != "long":
            shape["how"] = self.how
        if self.plan:
            shape["plan"] = self.plan
        return shape

    @classmethod
    def of(cls, shape: Arguments) -> Operation:
        """The operation that `shape` gave."""
        return cls(**shape)  # type: ignore[arg-type]  # what `shape` wrote

    def text(self) -> str:
        """One line."""
        return json.dumps(self.shape())


class Draw:
    """Draws operations that mean something on a disk as it is now."""

    def __init__(self, rng: random.Random, disk: Disk, kill_share: float) -> None:
        """Stop about `kill_share` of those operations that can be stopped."""
        self._rng = rng
        self._disk = disk
        self._kill_share = kill_share

    def operation(self) -> Operation:
        """The next one."""
        weights = {**CHANGES, **UPKEEP}
        kind = self._rng.choices(list(weights), list(weights.values()))[0]
        made: Callable[[], Arguments] = getattr(self, f"_{kind}", dict)
        arguments = made()
        if kind in DISK_KINDS or kind in ("lose_vectors", "damage"):
            return Operation(kind, arguments)
        if kind == "together":
            return Operation(kind, arguments, "child")
        if kind in KILLABLE and self._rng.random() < self._kill_share:
            return Operation(kind, arguments, "child", self._plan(kind))
        return Operation(kind, arguments, self._rng.choice(("long", "fresh")))

    def _plan(self, stopped: str) -> Arguments:
        """How the process is stopped; see `killing.Plan`."""
        ways = ["after", "event", "statement", "torn", "log", "full"]
        kind = self._rng.choice([*ways, "interrupt"] if stopped in INTERRUPTIBLE else ways)
        if kind in ("after", "interrupt"):
            return {"kind": kind, "share": round(self._rng.uniform(0.0, 1.1), 3)}
        if kind in ("torn", "full"):
            file = self._rng.choice(("log", "catalogue", "vectors", "any"))
            return {"kind": kind, "file": file, "share": round(self._rng.uniform(0.0, 1.6), 3)}
        if kind == "log":
            return {"kind": kind, "n": self._rng.randrange(1, 6)}
        most = 30 if kind == "event" else 120
        return {"kind": kind, "n": int(self._rng.triangular(1, most, 4))}

    def _name(self) -> str:
        """A file that may be there or not."""
        if self._disk.files and self._rng.random() < 0.4:
            return self._there()
        folder = f"{self._rng.choice(ROOTS)}/{self._rng.choice(FOLDERS)}".rstrip("/")
        return f"{folder}/{self._rng.randrange(N_NAMES)}{self._rng.choice(SUFFIXES)}"

    def _there(self) -> str:
        """A file that is there, if any is."""
        files = sorted(self._disk.files)
        return self._rng.choice(files) if files else "r0/0.png"

    def _folder(self) -> str:
        return f"{self._rng.choice(ROOTS)}/{self._rng.choice(FOLDERS[1:])}"

    def _write(self) -> Arguments:
        files: list[Json] = []
        for _ in range(self._rng.choice((1, 1, 2, 5, 12))):
            content = Content.drawn(self._rng, bad=self._rng.random() < 0.15)
            same_stamp = self._rng.random() < 0.1
            files.append({"name": self._name(), **content.shape(), "same_stamp": same_stamp})
        return {"files": files}

    def _touch(self) -> Arguments:
        return {"name": self._there()}

    def _delete(self) -> Arguments:
        return {"name": self._there() if self._rng.random() < 0.7 else self._folder()}

    def _clear(self) -> Arguments:
        return {"name": self._rng.choice(ROOTS), "left": self._rng.randrange(4)}

    def _move(self) -> Arguments:
        return {"name": self._there(), "target": self._name()}

    def _swap(self) -> Arguments:
        return {"name": self._there(), "other": self._there()}

    def _move_folder(self) -> Arguments:
        return {"name": self._folder(), "target": self._folder()}

    def _copy(self) -> Arguments:
        same_stamp = self._rng.random() < 0.5
        return {"name": self._there(), "target": self._name(), "same_stamp": same_stamp}

    def _unplug(self) -> Arguments:
        return {"root": self._rng.choice(ROOTS), "leaves_folder": self._rng.random() < 0.4}

    def _plug_in(self) -> Arguments:
        return {"root": self._rng.choice(ROOTS)}

    def _index(self) -> Arguments:
        arguments: Arguments = {"paths": self._paths()}
        if self._rng.random() < 0.35:
            arguments["captions"] = [self._caption() for _ in range(self._rng.randrange(1, 8))]
        if self._rng.random() < 0.1:
            arguments["model"] = self._rng.choice(MODELS)
        if self._rng.random() < 0.3:
            arguments["yes"] = True
        return arguments

    def _paths(self) -> list[Json]:
        """Most often all drives, else some of them, a folder in one, or a file."""
        chance = self._rng.random()
        if chance < 0.6:
            return list(ROOTS)
        if chance < 0.8:
            return list(self._rng.sample(ROOTS, self._rng.randrange(1, 3)))
        names = [self._folder() for _ in range(self._rng.randrange(1, 3))]
        if chance > 0.95:
            names.append(self._there())
        return list(dict.fromkeys(names))

    def _caption(self) -> list[Json]:
        """A name in one of its forms, None for a free caption, and a text."""
        words = ("thing", "sky", "grass", "car")
        text = f"{self._rng.choice(list(COLOURS))} {self._rng.choice(words)}"
        name = self._there()
        bare = name.rpartition("/")[2]
        below = name.partition("/")[2]
        return [self._rng.choice((None, bare, below, f"/{name}", f"/{name}")), text]

    def _remove(self) -> Arguments:
        return {"path": self._rng.choice((self._there(), self._folder(), self._rng.choice(ROOTS)))}

    def _migrate(self) -> Arguments:
        return {"model": self._rng.choice(MODELS), "partial": self._rng.random() < 0.4}

    def _backup(self) -> Arguments:
        return {"number": self._rng.randrange(N_BACKUPS), "anew": self._rng.random() < 0.7}

    def _restore(self) -> Arguments:
        return {"number": self._rng.randrange(N_BACKUPS + 1)}

    def _lose_vectors(self) -> Arguments:
        way = self._rng.choice(("gone", "flipped", "cut", "older"))
        files = self._rng.choice(("all", "whole", "recent"))
        return {"way": way, "share": round(self._rng.random(), 3), "files": files}

    def _damage(self) -> Arguments:
        return {"rest": self._rng.randrange(3)}

    def _together(self) -> Arguments:
        """Two at once: often two runs over the same drives, else whatever can run beside one."""
        if self._rng.random() < 0.3:
            arguments: Arguments = {"paths": list(ROOTS)}
            return {"operations": [Operation("index", arguments).shape() for _ in range(2)]}
        kinds = ("index", self._rng.choice(BESIDE))
        return {"operations": [self._beside(kind).shape() for kind in kinds]}

    def _beside(self, kind: str) -> Operation:
        arguments: Arguments = getattr(self, f"_{kind}", dict)()
        arguments.pop("captions", None)  # there is one caption file
        plan = self._plan(kind) if self._rng.random() < self._kill_share / 2 else {}
        return Operation(kind, arguments, "child", plan)


CHANGES = {
    "write": 16,
    "touch": 3,
    "delete": 6,
    "clear": 1,
    "move": 6,
    "swap": 3,
    "move_folder": 3,
    "copy": 5,
    "unplug": 5,
    "plug_in": 6,
}
"""What is done to the pictures, each with its weight."""

UPKEEP = {
    "index": 30,
    "remove": 3,
    "migrate": 4,
    "roll_back": 2,
    "drop": 2,
    "backup": 3,
    "restore": 3,
    "repair": 1,
    "optimize": 3,
    "lose_vectors": 3,
    "damage": 1,
    "together": 4,
    "verify": 4,
}
"""What is done to the index."""
