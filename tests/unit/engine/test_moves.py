"""Moved, touched and copied files are settled by digest, without decoding."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mmsearch.catalogue import KnownFile
from mmsearch.engine.diff import Need, PendingFile
from mmsearch.engine.moves import settle_known
from mmsearch.errors import MediaError
from mmsearch.media.digest import FileDigest
from mmsearch.media.reading import Stamp

STAMP = Stamp(10, 9)


@dataclass
class Contents:
    """Known contents: their sizes, and ids by digest."""

    sizes: set[int]
    ids: dict[str, int]

    def known_sizes(self) -> set[int]:
        return self.sizes

    def find_content(self, digest: str) -> int | None:
        return self.ids.get(digest)


@dataclass
class Digests:
    """Digests by file name; remembers what was read."""

    by_name: dict[str, str]
    read: list[str] = field(default_factory=list)

    def __call__(self, path: Path) -> FileDigest:
        self.read.append(path.name)
        if path.name not in self.by_name:
            raise MediaError("cannot be read")
        return FileDigest(self.by_name[path.name], STAMP)


def _pending(
    name: str, size: int, need: Need = Need.NEW, media_id: int | None = None
) -> PendingFile:
    return PendingFile(need, 1, name.encode(), Path("/p") / name, size, 5, media_id)


def test_a_new_file_with_the_bytes_of_a_vanished_one_takes_its_row() -> None:
    lost = KnownFile(7, 70, b"old/a.jpg", 10, 1)
    new = _pending("new/a.jpg", 10)
    settled = settle_known(Contents({10}, {"d": 70}), [new], [lost], Digests({"a.jpg": "d"}))
    ((file, entry),) = settled.entries
    assert (file, entry.moved_from, entry.digest, entry.mtime_ns) == (new, 7, "d", 9)
    assert (settled.to_decode, settled.vanished) == ((), ())


def test_a_copy_is_attached_and_moves_nothing() -> None:
    settled = settle_known(
        Contents({10}, {"d": 70}), [_pending("b.jpg", 10)], [], Digests({"b.jpg": "d"})
    )
    assert [entry.moved_from for _, entry in settled.entries] == [None]


def test_a_touched_file_is_settled_and_takes_no_other_row() -> None:
    """A changed file keeps its own row, even when a vanished one had its bytes."""
    lost = KnownFile(7, 70, b"a.jpg", 10, 1)
    touched = _pending("b.jpg", 10, Need.CHANGED, media_id=8)
    settled = settle_known(Contents({10}, {"d": 70}), [touched], [lost], Digests({"b.jpg": "d"}))
    assert [entry.moved_from for _, entry in settled.entries] == [None]
    assert settled.vanished == (lost,)


def test_a_file_of_an_unknown_size_is_not_even_read() -> None:
    digests = Digests({"a.jpg": "d"})
    new = _pending("a.jpg", 11)
    settled = settle_known(Contents({10}, {"d": 70}), [new], [], digests)
    assert settled.to_decode == (new,)
    assert digests.read == []


def test_new_bytes_of_a_known_size_are_decoded() -> None:
    new = _pending("a.jpg", 10)
    assert settle_known(
        Contents({10}, {"d": 70}), [new], [], Digests({"a.jpg": "other"})
    ).to_decode == (new,)


def test_a_file_that_cannot_be_read_is_left_to_the_decoder() -> None:
    new = _pending("a.jpg", 10)
    assert settle_known(Contents({10}, {}), [new], [], Digests({})).to_decode == (new,)


def test_each_lost_row_is_taken_once_and_by_name_first() -> None:
    """Two equal files that moved keep their names apart; a third copy is a copy."""
    lost = [KnownFile(1, 70, b"x/a.jpg", 10, 1), KnownFile(2, 70, b"x/b.jpg", 10, 1)]
    new = [_pending(f"y/{name}.jpg", 10) for name in "bac"]
    digests = Digests({f"{name}.jpg": "d" for name in "abc"})
    settled = settle_known(Contents({10}, {"d": 70}), new, lost, digests)
    assert [entry.moved_from for _, entry in settled.entries] == [2, 1, None]
    assert settled.vanished == ()


def test_many_files_keep_their_order() -> None:
    new = [_pending(f"{number}.jpg", 10) for number in range(600)]
    digests = Digests({file.path.name: f"d{file.path.stem}" for file in new})
    contents = Contents({10}, {f"d{number}": number for number in range(600)})
    settled = settle_known(contents, new, [], digests)
    assert [file for file, _ in settled.entries] == new


def test_an_entry_has_the_stamp_of_the_bytes_that_were_read() -> None:
    """Not that of the scan: the file may have become another in between."""
    new = _pending("a.jpg", 10)
    settled = settle_known(Contents({10}, {"d": 70}), [new], [], Digests({"a.jpg": "d"}))
    ((_, entry),) = settled.entries
    assert Stamp(entry.size_bytes, entry.mtime_ns) == STAMP


def test_a_rechecked_file_of_unknown_bytes_has_changed() -> None:
    """One that cannot be read has not, as far as is known."""
    files = [_pending(name, 10, Need.RECHECK, media_id=8) for name in ("same", "other", "shut")]
    digests = Digests({"same": "d", "other": "e"})
    settled = settle_known(Contents({10}, {"d": 70}), files, [], digests)
    assert [file for file, _ in settled.entries] == files[:1]
    assert [(file.path.name, file.need) for file in settled.to_decode] == [
        ("other", Need.CHANGED),
        ("shut", Need.RECHECK),
    ]


def test_reading_many_files_is_told_now_and_then() -> None:
    heard: list[tuple[int, int]] = []
    new = [_pending(f"{number}.jpg", 10) for number in range(300)]
    settle_known(Contents({10}, {}), new, [], Digests({}), lambda *at: heard.append(at))
    assert heard == [(256, 300), (300, 300)]
