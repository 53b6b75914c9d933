"""The model of an indexing run: what the catalogue must hold after it, one rule after the other."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmsearch.engine.survey import EMPTY_IS_ABSENT_FROM
from tests.model_test.contents import Contents
from tests.model_test.disk import Disk, OnDisk
from tests.model_test.paths import is_empty_folder, is_picture, name_of, place_in_scan
from tests.model_test.state import BadFile, Row, State, is_below

Caption = tuple[str | None, str]
"""A name, None for a free caption, and a text."""


COUNTED = ("added", "moved", "removed", "failed", "captions_added", "captions_unmatched")
HELD_BACK = "held_back"
"""What of an indexing run's summary the model knows: counts, and how many rows were held back."""


class Refused(Exception):  # noqa: N818 - what the library is to answer, no error of the test
    """The library is to raise the error of this class name."""


@dataclass(frozen=True, slots=True)
class IndexAsk:
    """What a run is asked: absolute paths, captions, and the model, None: the index's own.

    `yes`: it may remove more than half of a folder.
    """

    paths: tuple[str, ...]
    captions: tuple[Caption, ...] = ()
    model: str | None = None
    yes: bool = False


@dataclass(frozen=True, slots=True)
class _Look:
    """What a scope was found to have lost: of `n_known` rows these, and these failures."""

    n_known: int
    vanished: tuple[str, ...]
    resolved: tuple[str, ...]


@dataclass(slots=True)
class _Pending:
    """A file to read: at `path`, seen with this stat; `had_row`: catalogued at that place."""

    path: str
    size_bytes: int
    mtime_ns: int
    had_row: bool
    changed: bool = True


@dataclass(slots=True)
class IndexModel:
    """One run on a state, which it changes; what lies on disk does not change meanwhile."""

    state: State
    disk: Disk
    contents: Contents
    space: str = ""
    vanished: dict[str, Row] = field(default_factory=dict)
    looks: list[_Look] = field(default_factory=list)
    pending: list[_Pending] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*COUNTED, HELD_BACK), 0))

    def run(self, ask: IndexAsk) -> None:
        """Bring the state to what the run must leave.

        Raises:
            Refused: It must end with that error, the state being what it must leave.
        """
        state = self.state
        if not state.has_file and not all(os.path.lexists(path) for path in ask.paths):
            raise Refused("QueryError")
        self.space = ask.model or state.default or "fake"
        state.exists = state.has_file = True
        state.add_space(self.space)
        for scope in self._scopes(ask.paths):
            self._look(scope)
        self._settle()
        self._read([*self.pending, *self._incomplete()])
        for look in self.looks:
            self._remove(look, ask)
        self._attach(ask.captions)
        self._embed_captions()
        state.drop_orphans()

    def _scopes(self, paths: Sequence[str]) -> list[str]:
        """The folders and files to look at; roots are made, and found to be on line or not."""
        present = [path for path in paths if Path(path).exists()]
        gone = [root for path in paths if path not in present for root in self._gone(path)]
        present = [path for path in present if Path(path).is_dir() or is_picture(path)]
        for path in present:
            self._add_root(path if Path(path).is_dir() else str(Path(path).parent))
        scopes = [
            path
            for path in dict.fromkeys(present)
            if not any(path != other and is_below(path, other) for other in present)
        ]
        for scope in scopes:
            self.state.roots[self._root(scope)] = True
        for root in gone:
            if root in self.state.roots:
                self.state.roots[root] = False
        return scopes

    def _gone(self, path: str) -> list[str]:
        """The roots that are off line as `path` is not there."""
        cover = self.state.root_of(path)
        if cover is None:
            inside = [root for root in self.state.roots if is_below(root, path)]
            if not inside:
                raise Refused("QueryError")
            return inside
        if not Path(cover).is_dir():
            return [cover]
        if not any(is_below(row, path) for row in self.state.rows):
            raise Refused("QueryError")
        return []

    def _add_root(self, folder: str) -> None:
        if self.state.root_of(folder) is None:
            roots = self.state.roots
            inner = [root for root in roots if is_below(root, folder)]
            for root in inner:
                del roots[root]
            roots[folder] = True

    def _root(self, path: str) -> str:
        root = self.state.root_of(path)
        assert root is not None, f"{path} lies in no root"
        return root

    def _look(self, scope: str) -> None:
        """Compare a scope with the disk, by path and stat."""
        state = self.state
        found = {
            path: file
            for path, file in self.disk.visible().items()
            if is_below(path, scope) and is_picture(path)
        }
        known = {path: row for path, row in state.rows.items() if is_below(path, scope)}
        if not found and len(known) >= EMPTY_IS_ABSENT_FROM and is_empty_folder(scope):
            if scope == self._root(scope):
                state.roots[scope] = False
            return
        for path in sorted(found, key=place_in_scan):
            self._compare(path, found[path], known.get(path))
        vanished = [path for path in sorted(known) if path not in found]
        self.vanished.update({path: known[path] for path in vanished})
        failures = [path for path in state.failures if is_below(path, scope) and path not in found]
        self.looks.append(_Look(len(known), tuple(vanished), tuple(failures)))

    def _compare(self, path: str, file: OnDisk, row: Row | None) -> None:
        stat = (file.size_bytes, file.mtime_ns)
        failure = self.state.failures.get(path)
        if failure is not None and failure.is_as(*stat):
            self.counts["failed"] += 1
            return
        if row is not None and row.is_as(*stat):
            return
        self.pending.append(_Pending(path, *stat, had_row=row is not None))

    def _settle(self) -> None:
        """Move, touch and copy: files whose bytes are known are not decoded."""
        sizes = {row.size_bytes for row in self.state.rows.values()}
        settled: list[tuple[_Pending, str, Row | None]] = []
        for file in list(self.pending):
            digest = self._digest(file.path)
            if file.size_bytes not in sizes or digest not in self.state.contents:
                continue
            self.pending.remove(file)
            moved = None if file.had_row else self._take_lost(digest, file.path)
            settled.append((file, digest, moved))
        for file, digest, moved in settled:
            self.counts["moved"] += moved is not None
            self._put(file, digest, moved)

    def _take_lost(self, digest: str, path: str) -> Row | None:
        """A row whose file vanished, of these bytes: one of the same file name, else the first."""
        lost = [place for place, row in self.vanished.items() if row.digest == digest]
        same_name = [one for one in lost if name_of(one) == name_of(path)]
        if not lost:
            return None
        place = (same_name or lost)[0]
        del self.state.rows[place]
        return self.vanished.pop(place)

    def _put(self, file: _Pending, digest: str, moved: Row | None = None) -> None:
        row = moved or self.state.rows.get(file.path)
        if row is None:
            self.counts["added"] += 1
            row = Row(digest, 0, 0)
        on_disk = self.disk.visible()[file.path]
        row.digest, row.size_bytes, row.mtime_ns = digest, on_disk.size_bytes, on_disk.mtime_ns
        self.state.rows[file.path] = row
        self.state.failures.pop(file.path, None)

    def _remove(self, look: _Look, ask: IndexAsk) -> None:
        """Drop what a scope lost, unless that is most of it and nobody said yes."""
        gone = [path for path in look.vanished if path in self.vanished]
        if len(gone) >= EMPTY_IS_ABSENT_FROM and len(gone) > look.n_known / 2 and not ask.yes:
            self.counts[HELD_BACK] += len(gone)
            return
        self.counts["removed"] += len(gone)
        self.state.drop_rows(gone)
        for path in look.resolved:
            self.state.failures.pop(path, None)

    def _incomplete(self) -> list[_Pending]:
        """Known pictures, anywhere on line, that lack an embedding: each at its oldest file.

        That is to be there, and is not to be read anyhow, or known to be bad.
        """
        skipped = {file.path for file in self.pending} | set(self.state.failures)
        places = self.disk.visible().keys() - skipped
        files: list[_Pending] = []
        for digest, spaces in self.state.contents.items():
            rows = [
                (path, row)
                for path, row in self.state.rows_of(digest)
                if path in places and self.state.is_online(path)
            ]
            if self.space in spaces or not rows:
                continue
            path, row = rows[0]
            files.append(_Pending(path, row.size_bytes, row.mtime_ns, True, changed=False))
        return files

    def _read(self, files: Iterable[_Pending]) -> None:
        """Decode and embed; what cannot be decoded fails, and a row of other bytes goes."""
        seen = self.disk.visible()
        for file in files:
            if file.path not in seen:
                continue
            digest = self._digest(file.path)
            reason = self.contents.seen(digest).reason
            if reason:
                self.counts["failed"] += 1
                if file.had_row and file.changed:
                    self.state.drop_rows([file.path])
                read = seen[file.path]  # another file, perhaps, than the catalogue has there
                self.state.failures[file.path] = BadFile(read.size_bytes, read.mtime_ns, reason)
                continue
            self.state.contents.setdefault(digest, set()).add(self.space)
            self._put(file, digest)

    def _digest(self, path: str) -> str:
        return self.disk.visible()[path].digest

    def _attach(self, captions: Sequence[Caption]) -> None:
        for name, text in captions:
            row = None if name is None else self._meant(name)
            if name is not None and row is None:
                self.counts["captions_unmatched"] += 1
                continue
            held = self.state.free if row is None else row.captions
            self.counts["captions_added"] += text not in held
            held.setdefault(text, set())

    def _meant(self, name: str) -> Row | None:
        """The file that a caption's name means, if that is a single picture: the oldest copy.

        The very path; else a path that ends so; else the file name alone.
        """
        rows = self.state.rows
        ending = f"/{name.lstrip('/')}"
        exact = [p for p in rows if p == name or p == f"{self.state.root_of(p)}/{name}"]
        ends = [p for p in rows if _in_root(p, self.state).endswith(ending)]
        bare = [p for p in rows if name_of(p) == name_of(name)]
        found = [rows[path] for path in exact or ends or bare]
        if len({row.digest for row in found}) != 1:
            return None
        return min(found, key=lambda row: (row.media_id is None, row.media_id or 0))

    def _embed_captions(self) -> None:
        for texts in self.state.captions():
            for spaces in texts.values():
                spaces.add(self.space)


def _in_root(path: str, state: State) -> str:
    """A path below its root."""
    root = state.root_of(path)
    return path if root is None else path[len(root) + 1 :]
