"""From the paths a person names to the parts of roots that a run looks at."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.errors import MediaError, QueryError
from mmsearch.runtime.presence import folder_is_there, look_up

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue, RootRecord

NOT_THERE = "is not there"


@dataclass(frozen=True, slots=True)
class Scope:
    """A folder or a single file to look at: `under` is its path below its root, `b""` = all."""

    root_id: int
    path: Path
    under: bytes
    is_file: bool = False

    @property
    def folder(self) -> bytes:
        """The folder below the root that holds the scope."""
        return self.under.rpartition(b"/")[0] if self.is_file else self.under

    def relative(self, below: bytes) -> bytes:
        """The root-relative path of what lies at `below` this scope."""
        if self.is_file or not below:
            return self.under
        return self.under + b"/" + below if self.under else below

    def holds(self, relative: bytes) -> bool:
        """Whether a root-relative path lies in this scope."""
        if self.is_file:
            return relative == self.under
        return not self.under or relative.startswith(self.under + b"/")


@dataclass(frozen=True, slots=True)
class Absent:
    """A known place without pictures to be had now, and why; the rows of `root_ids` stay."""

    path: Path
    root_ids: tuple[int, ...]
    why: str = NOT_THERE


@dataclass(frozen=True, slots=True)
class Scopes:
    """What to look at, what is not there now, and files named that are no pictures."""

    present: tuple[Scope, ...]
    absent: tuple[Absent, ...]
    refused: tuple[Path, ...] = ()


def real_path(path: Path | str) -> Path:
    """The path with links resolved: one name for one place, whether it is there or not."""
    return Path(os.path.realpath(path))


def check_paths(paths: Sequence[Path | str]) -> None:
    """Pass when all paths exist: asked where no index exists that could know a missing one.

    Raises:
        QueryError: One does not exist.
        MediaError: The disk does not tell.
    """
    for path in paths:
        mode, reason = _mode(real_path(path))
        if reason is not None:
            raise _unknown(real_path(path), reason)
        if mode is None:
            raise _no_such(path)


def find_scopes(catalogue: Catalogue, paths: Sequence[Path | str]) -> Scopes:
    """What `paths` name; folders not known yet become roots, which absorb roots inside them.

    Raises:
        QueryError: A path is neither there nor known, or neither folder nor file.
        MediaError: The disk does not tell whether a path is there, and it is not known.
    """
    absent: list[Absent] = []
    present: dict[Path, bool] = {}
    refused: list[Path] = []
    for named in paths:
        path = real_path(named)
        mode, reason = _mode(path)
        if mode is not None and stat.S_ISDIR(mode):
            present[path] = False
        elif reason is None and (displaced := _displaced(catalogue, path, named)) is not None:
            absent.append(displaced)
        elif mode is None:
            absent.append(_absent(catalogue, path, named, reason))
        elif not stat.S_ISREG(mode):
            raise QueryError(f"{path} is neither a folder nor a file: name one")
        elif _is_picture(path):
            present[path] = True
        else:
            refused.append(path)
    for path, is_file in present.items():
        # All first: a later one may absorb the root of an earlier one.
        _root_of(catalogue, path, is_file)
    outermost = _outermost(list(present))
    scopes = tuple(_scope(catalogue, path, present[path]) for path in outermost)
    return Scopes(scopes, tuple(absent), tuple(refused))


def relative_to(root: RootRecord, path: Path) -> bytes:
    """The path below `root` as the catalogue spells it, `b""` for the root itself."""
    below = path.relative_to(root.path)
    return b"" if below == Path() else os.fsencode(below.as_posix())


def _is_picture(path: Path) -> bool:
    from mmsearch.media.scan import PICTURE_SUFFIXES

    return path.suffix.lower() in PICTURE_SUFFIXES


def _displaced(catalogue: Catalogue, path: Path, named: Path | str) -> Absent | None:
    """The roots at or below a place where something lies now that is no folder.

    `named` itself counts too: where a link to nothing took the place of a folder, `path` is only
    what the link names.
    """
    spelt = Path(os.path.abspath(named))  # noqa: PTH100 - links are not resolved
    for place in (path, spelt):
        if not os.path.lexists(place):
            continue
        inside = tuple(one.root_id for one in catalogue.roots() if one.path.is_relative_to(place))
        if inside:
            return Absent(place, inside, "is no folder now")
    return None


def _mode(path: Path) -> tuple[int | None, str | None]:
    """The mode of what is at a path, None when nothing is; why the disk does not tell, if so."""
    try:
        info = look_up(path)
    except OSError as exc:
        if exc.errno == errno.ELOOP:
            return 0, None  # a link to itself is there, and is nothing
        return None, (exc.strerror or str(exc)).lower()
    return (None if info is None else info.st_mode), None


def _absent(catalogue: Catalogue, path: Path, named: Path | str, reason: str | None) -> Absent:
    """The known place at `path`, which is not there, or cannot be looked at for a `reason`."""
    what = NOT_THERE if reason is None else f"cannot be looked at ({reason})"
    cover = catalogue.cover_root(path)
    if cover is None:
        inside = tuple(root.root_id for root in catalogue.roots() if root.path.is_relative_to(path))
        if not inside:
            raise _no_such(named) if reason is None else _unknown(path, reason)
        return Absent(path, inside, what)
    if not folder_is_there(cover.path):
        return Absent(path, (cover.root_id,), what)
    below = next(catalogue.known_files(cover.root_id, relative_to(cover, path)), None)
    if below is None and catalogue.media_at(path) is None:
        raise _no_such(named) if reason is None else _unknown(path, reason)
    return Absent(path, (), what)


def _no_such(path: Path | str) -> QueryError:
    return QueryError(f"no file or folder at {path}: check the path")


def _unknown(path: Path, reason: str) -> MediaError:
    return MediaError(f"{path} cannot be looked at ({reason}): check the disk and its permissions")


def _outermost(paths: Sequence[Path]) -> list[Path]:
    """The paths that lie below no other one, each once, in order."""
    unique = dict.fromkeys(paths)
    return [path for path in unique if not any(parent in unique for parent in path.parents)]


def _root_of(catalogue: Catalogue, path: Path, is_file: bool) -> RootRecord:
    """The root that covers `path`, made where there is none: a file's root is its folder."""
    known = catalogue.cover_root(path)
    return known or catalogue.add_root(path.parent if is_file else path)


def _scope(catalogue: Catalogue, path: Path, is_file: bool) -> Scope:
    cover = _root_of(catalogue, path, is_file)
    if not cover.online:
        catalogue.set_online(cover.root_id, online=True)
    return Scope(cover.root_id, path, relative_to(cover, path), is_file)
