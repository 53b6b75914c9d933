"""Finds picture files below a folder by name and stat alone; opens none of them."""

from __future__ import annotations

import errno
import fnmatch
import os
import re
import stat
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PICTURE_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("jpg", "jpeg", "jpe", "jfif", "mpo", "png", "apng", "webp", "gif", "bmp", "dib", "tif"),
        *("tiff", "avif", "avifs", "heic", "heics", "heif", "heifs", "hif"),
        *("jp2", "j2k", "j2c", "jpc", "jpf", "jpx"),
    )
)
"""Extensions taken for pictures, lower case; what a file really is, its first bytes tell."""

SKIPPED_FOLDERS = frozenset({"@eaDir", ".git", "node_modules", "#recycle", "$RECYCLE.BIN"})
"""Folders that other programs fill with copies or caches; skipped at any depth."""


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What to leave out. `exclude` holds globs, matched against names and relative paths."""

    exclude: tuple[str, ...] = ()
    include_hidden: bool = False


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """A picture file as its folder lists it.

    `relative` is the path below the root: `os.fsencode` bytes, `/` between parts.
    """

    path: Path
    relative: bytes
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class ScanProblem:
    """A place that could not be looked into: what lies there is unknown, not gone.

    `relative` is `b""` when the root itself cannot be read. `is_likely` is False for a link that
    by its name leads to no pictures: it matters only where some are known.
    """

    path: Path
    reason: str
    relative: bytes
    is_likely: bool = True


def scan(root: Path, options: ScanOptions | None = None) -> Iterator[ScannedFile | ScanProblem]:
    """Picture files below `root`, in an order that depends on names alone.

    The real tree comes first, folder by folder, sorted by name; then what symbolic links add
    to it. Each folder is walked once however many links lead to it, so loops end; a link to a
    file already yielded is skipped. A `root` that is a file yields that file, with its name as
    `relative`. A file that vanishes meanwhile is left out.
    """
    absolute = root.absolute()
    try:
        info = absolute.stat()
    except OSError as exc:
        yield ScanProblem(absolute, _reason(exc), b"")
        return
    if stat.S_ISDIR(info.st_mode):
        walk = _Walk(options or ScanOptions(), _exclusion(options))
        yield from walk.run(absolute, info)
    elif stat.S_ISREG(info.st_mode) and _is_picture(absolute.name):
        relative = os.fsencode(absolute.name)
        yield ScannedFile(absolute, relative, info.st_size, info.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class _Place:
    """Something below the root: a folder to list or a link to follow."""

    path: str
    relative: bytes
    name: str


@dataclass(slots=True)
class _Walk:
    """One scan: what it leaves out and what it has already seen.

    `folders` and `files` hold device and inode as one number; `links` wait until the real tree
    is done, so that a file is known by its real path, not by that of a link beside it.
    """

    options: ScanOptions
    excluded: re.Pattern[str] | None
    folders: set[int] = field(default_factory=set)
    files: set[int] = field(default_factory=set)
    links: deque[_Place] = field(default_factory=deque)

    def run(self, root: Path, info: os.stat_result) -> Iterator[ScannedFile | ScanProblem]:
        self.folders.add(_identity(info))
        yield from self._tree(_Place(str(root), b"", root.name))
        while self.links:
            yield from self._follow(self.links.popleft())

    def _tree(self, top: _Place) -> Iterator[ScannedFile | ScanProblem]:
        """The real files below one folder; a stack, since depth has no bound."""
        stack = [top]
        while stack:
            place = stack.pop()
            try:
                with os.scandir(place.path) as listing:
                    entries = sorted(listing, key=lambda entry: os.fsencode(entry.name))
            except OSError as exc:
                yield ScanProblem(Path(place.path), _reason(exc), place.relative)
                continue
            below: list[_Place] = []
            for entry in entries:
                yield from self._entry(entry, place, below)
            stack.extend(reversed(below))

    def _entry(
        self, entry: os.DirEntry[str], folder: _Place, below: list[_Place]
    ) -> Iterator[ScannedFile | ScanProblem]:
        """The file an entry is; folders go to `below`, links wait."""
        name = os.fsencode(entry.name)
        relative = folder.relative + b"/" + name if folder.relative else name
        if self._is_left_out(entry.name, relative):
            return
        place = _Place(entry.path, relative, entry.name)
        try:
            if entry.is_symlink():
                self.links.append(place)
            elif entry.is_dir(follow_symlinks=False):
                if entry.name not in SKIPPED_FOLDERS and self._is_new(Path(entry.path).stat()):
                    below.append(place)
            elif _is_picture(entry.name):
                info = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(info.st_mode):
                    self.files.add(_identity(info))
                    yield _scanned(place, info)
        except FileNotFoundError:
            return
        except OSError as exc:
            yield ScanProblem(Path(entry.path), _reason(exc), relative)

    def _follow(self, link: _Place) -> Iterator[ScannedFile | ScanProblem]:
        """What a symbolic link adds: a folder not yet walked, or a file not yet seen."""
        path = Path(link.path)
        try:
            info = path.stat()
        except OSError as exc:
            if exc.errno != errno.ELOOP:
                reason = "a link to something missing" if exc.errno == errno.ENOENT else None
                is_likely = _is_picture(link.name) or not path.suffix
                yield ScanProblem(path, reason or _reason(exc), link.relative, is_likely)
            return
        if stat.S_ISDIR(info.st_mode):
            if link.name not in SKIPPED_FOLDERS and self._is_new(info):
                yield from self._tree(link)
            return
        is_file = stat.S_ISREG(info.st_mode) and _is_picture(link.name)
        if is_file and _identity(info) not in self.files:
            self.files.add(_identity(info))
            yield _scanned(link, info)

    def _is_new(self, folder: os.stat_result) -> bool:
        """Whether the folder is seen for the first time; remembers it."""
        identity = _identity(folder)
        if identity in self.folders:
            return False
        self.folders.add(identity)
        return True

    def _is_left_out(self, name: str, relative: bytes) -> bool:
        if name.startswith(".") and not self.options.include_hidden:
            return True
        if self.excluded is None:
            return False
        return bool(self.excluded.match(name) or self.excluded.match(os.fsdecode(relative)))


def _exclusion(options: ScanOptions | None) -> re.Pattern[str] | None:
    """One pattern for all globs; a glob that ends in `/` names a folder like one without."""
    globs = [glob.rstrip("/") for glob in options.exclude if glob.rstrip("/")] if options else []
    return re.compile("|".join(fnmatch.translate(glob) for glob in globs)) if globs else None


def _identity(info: os.stat_result) -> int:
    return (info.st_dev << 64) | info.st_ino


def _is_picture(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES  # noqa: PTH122 - hot, no Path


def _scanned(place: _Place, info: os.stat_result) -> ScannedFile:
    return ScannedFile(Path(place.path), place.relative, info.st_size, info.st_mtime_ns)


def _reason(exc: OSError) -> str:
    return (exc.strerror or str(exc)).lower()
