"""The folders of pictures: changed on the real disk, and known in memory."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.model_test.contents import Content, Contents, data_of

ROOTS = ("r0", "r1", "r2")
FOLDERS = ("", "s", "t", "s/u")
_FIRST_MTIME_NS = 1_700_000_000_000_000_000
_TICK_NS = 1_000_000_007


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A file's bytes by digest, with its stat."""

    digest: str
    size_bytes: int
    mtime_ns: int


class Disk:
    """Three drives of pictures below a folder; a name is a path below it, such as `r0/s/1.png`.

    Each drive is "in", or "away" (nothing at its mount point), or "empty" (an empty folder there).
    Files of a drive that is away can change, as on another computer. Every method leaves alone
    what does not fit the present state, so that any list of operations can be done.
    """

    def __init__(self, base: Path, contents: Contents) -> None:
        self.base = base
        self.files: dict[str, OnDisk] = {}
        self.mounts = dict.fromkeys(ROOTS, "in")
        self._contents = contents
        self._clock = _FIRST_MTIME_NS
        for root in ROOTS:
            for folder in FOLDERS:
                self._place(f"{root}/{folder}".rstrip("/")).mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> str:
        """The absolute path by which the library knows a name, `""` for the folder of all."""
        return str(self.base / name) if name else str(self.base)

    def visible(self) -> dict[str, OnDisk]:
        """What can be seen now, by absolute path."""
        return {
            self.path(name): file
            for name, file in self.files.items()
            if self.mounts[name.partition("/")[0]] == "in"
        }

    def write(self, name: str, content: Content, *, same_stamp: bool = False) -> None:
        """Put bytes into a file; `same_stamp`: as a program that resets the time."""
        data = data_of(content)
        mtime_ns = self._tick()
        if same_stamp and name in self.files:
            mtime_ns = self.files[name].mtime_ns
        place = self._place(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        self._stamp(name, OnDisk(self._contents.add(data), len(data), mtime_ns))

    def touch(self, name: str) -> None:
        """Another modification time, the same bytes."""
        if (file := self.files.get(name)) is not None:
            self._stamp(name, OnDisk(file.digest, file.size_bytes, self._tick()))

    def delete(self, name: str) -> None:
        """Remove a file, or all files below a folder; folders stay."""
        for inner in self.below(name):
            self._place(inner).unlink()
            del self.files[inner]

    def clear(self, name: str, left: int) -> None:
        """Remove all files below a folder but so many."""
        for inner in self.below(name)[left:]:
            self.delete(inner)

    def move(self, name: str, target: str) -> None:
        """Rename a file, over another one perhaps; its time stays."""
        if name in self.files and name != target:
            self._place(target).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(self._place(name), self._place(target))
            self.files[target] = self.files.pop(name)

    def swap(self, name: str, other: str) -> None:
        """Let two files change places."""
        if name in self.files and other in self.files and name != other:
            beside = f"{name.partition('/')[0]}/beside"
            self.move(name, beside)
            self.move(other, name)
            self.move(beside, other)

    def move_folder(self, name: str, target: str) -> None:
        """Move all files below a folder to below another one."""
        for inner in self.below(name):
            self.move(inner, f"{target}/{inner[len(name) + 1 :]}")

    def copy(self, name: str, target: str, *, same_stamp: bool) -> None:
        """Copy a file, its time too where `same_stamp`."""
        if (file := self.files.get(name)) is not None and name != target:
            self._place(target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._place(name), self._place(target))
            mtime_ns = file.mtime_ns if same_stamp else self._tick()
            self._stamp(target, OnDisk(file.digest, file.size_bytes, mtime_ns))

    def unplug(self, root: str, *, leaves_folder: bool) -> None:
        """Take a drive away; its mount point may stay, an empty folder."""
        if self.mounts[root] == "in":
            (self.base / root).rename(self._away(root))
            self.mounts[root] = "empty" if leaves_folder else "away"
            if leaves_folder:
                (self.base / root).mkdir()

    def plug_in(self, root: str) -> None:
        """Bring a drive back."""
        if self.mounts[root] != "in":
            if self.mounts[root] == "empty":
                (self.base / root).rmdir()
            self._away(root).rename(self.base / root)
            self.mounts[root] = "in"

    def below(self, name: str) -> list[str]:
        """The files at or below a name."""
        return [inner for inner in self.files if inner == name or inner.startswith(f"{name}/")]

    def _place(self, name: str) -> Path:
        """Where a file is now, whether its drive is in or not."""
        root, _, rest = name.partition("/")
        return (self.base / root if self.mounts[root] == "in" else self._away(root)) / rest

    def _away(self, root: str) -> Path:
        return self.base.parent / f"unplugged {root}"

    def _stamp(self, name: str, file: OnDisk) -> None:
        os.utime(self._place(name), ns=(file.mtime_ns, file.mtime_ns))
        self.files[name] = file

    def _tick(self) -> int:
        self._clock += _TICK_NS
        return self._clock
