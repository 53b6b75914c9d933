"""Settles what needs no decoding: moved, touched and copied files, known by their digest."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mmsearch.engine.diff import Need, PendingFile
from mmsearch.errors import MediaError

if TYPE_CHECKING:
    from mmsearch.catalogue import FileEntry, KnownFile
    from mmsearch.media.digest import FileDigest

_CHUNK = 256


class KnownContents(Protocol):
    """What the catalogue knows of bytes."""

    def known_sizes(self) -> set[int]:
        """Sizes in bytes of all contents."""

    def find_content(self, digest: str) -> int | None:
        """The content of that digest."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Files whose bytes are known: `entries` to record, by file; the rest has to be decoded.

    `vanished` lacks the rows that moved to a new place.
    """

    entries: tuple[tuple[PendingFile, FileEntry], ...]
    to_decode: tuple[PendingFile, ...]
    vanished: tuple[KnownFile, ...]


def _ignore(done: int, total: int) -> None:
    """Nobody listens."""


def settle_known(
    contents: KnownContents,
    pending: Sequence[PendingFile],
    vanished: Sequence[KnownFile],
    digest: Callable[[Path], FileDigest],
    on_read: Callable[[int, int], None] = _ignore,
) -> Settled:
    """Parts `pending` into what is settled by digest alone and what must be decoded.

    Only files of a size that some known content has are read: the others cannot be known.
    `on_read` is told now and then how many of how many were read.
    """
    sizes = contents.known_sizes() if pending else set()
    lost = _LostRows(vanished)
    entries: list[tuple[PendingFile, FileEntry]] = []
    to_decode = [file for file in pending if file.size_bytes not in sizes]
    candidates = [file for file in pending if file.size_bytes in sizes]
    for number, (file, found) in enumerate(_digests(candidates, digest), start=1):
        content_id = None if found is None else contents.find_content(found.digest)
        if found is None:
            to_decode.append(file)
        elif content_id is None:
            to_decode.append(_changed(file))
        else:
            moved_from = lost.take(content_id, file) if file.need is Need.NEW else None
            entries.append((file, _entry_of(file, found, moved_from)))
        if number % _CHUNK == 0 or number == len(candidates):
            on_read(number, len(candidates))
    return Settled(tuple(entries), tuple(to_decode), lost.left())


def _entry_of(file: PendingFile, found: FileDigest, moved_from: int | None) -> FileEntry:
    """The entry of a file whose content is known, stamped as it was when it was read."""
    from mmsearch.catalogue import FileEntry

    return FileEntry(
        relative=file.relative,
        size_bytes=found.stamp.size_bytes,
        mtime_ns=found.stamp.mtime_ns,
        digest=found.digest,
        moved_from=moved_from,
    )


def _changed(file: PendingFile) -> PendingFile:
    """The file; where it looked as before, it is now known to have other bytes."""
    return replace(file, need=Need.CHANGED) if file.need is Need.RECHECK else file


class _LostRows:
    """Rows whose file vanished, by content: a new file of the same bytes takes one over."""

    def __init__(self, vanished: Iterable[KnownFile]) -> None:
        self._rows = {row.media_id: row for row in vanished}
        self._by_content: defaultdict[int, deque[KnownFile]] = defaultdict(deque)
        for row in self._rows.values():
            self._by_content[row.content_id].append(row)

    def take(self, content_id: int, file: PendingFile) -> int | None:
        """The media id of a lost row with that content, best one of the same file name."""
        rows = self._by_content.get(content_id)
        if not rows:
            return None
        name = file.relative.rpartition(b"/")[2]
        same_name = (row for row in rows if row.relative.rpartition(b"/")[2] == name)
        row = next(same_name, rows[0])
        rows.remove(row)
        del self._rows[row.media_id]
        return row.media_id

    def left(self) -> tuple[KnownFile, ...]:
        return tuple(self._rows.values())


def _digests(
    files: Sequence[PendingFile], digest: Callable[[Path], FileDigest]
) -> Iterable[tuple[PendingFile, FileDigest | None]]:
    """Each file with its digest, None where it cannot be read; in order, read in threads."""

    def attempt(file: PendingFile) -> FileDigest | None:
        try:
            return digest(file.path)
        except MediaError:
            return None  # the decoder will say why, if it is still there

    if not files:
        return
    with ThreadPoolExecutor(thread_name_prefix="digest") as threads:
        for start in range(0, len(files), _CHUNK):
            chunk = files[start : start + _CHUNK]
            yield from zip(chunk, threads.map(attempt, chunk), strict=True)
