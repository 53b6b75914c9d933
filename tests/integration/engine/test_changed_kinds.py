"""Places that become another kind of thing: the run ends well, and the index is the disk."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from mmsearch.engine.library import Library
from mmsearch.engine.records import IndexOptions
from mmsearch.media.scan import ScannedFile, scan
from tests.fakes import FakeModels, WarningListener
from tests.photos import counts, n_encoded, photo


def _make_pipe(path: Path) -> None:
    os.mkfifo(path)


def _make_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's whole path is bounded to about 100 bytes
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path.name)
    finally:
        os.chdir(here)


def _make_loop(path: Path) -> None:
    path.symlink_to(path)


def _make_dead_link(path: Path) -> None:
    path.symlink_to(path.with_name("nothing"))


def _make_file(path: Path) -> None:
    path.write_bytes(b"no picture")


KINDS = [_make_pipe, _make_socket, _make_loop]


def _assert_is_the_disk(library: Library, root: Path) -> None:
    """The catalogue's paths below a root are those that a scan finds, no more, no less."""
    on_disk = {item.path for item in scan(root) if isinstance(item, ScannedFile)}
    with library._factory.catalogues.lease() as catalogue:
        rows = {
            Path(os.fsdecode(os.fsencode(one.path) + b"/" + known.relative))
            for one in catalogue.roots()
            for known in catalogue.known_files(one.root_id)
        }
    assert {path for path in rows if path.is_relative_to(root)} == on_disk


def test_a_folder_that_becomes_a_picture_and_back(library: Library, photos: Path) -> None:
    inside = photo(photos / "x.png" / "inside.png", seed=1)
    photo(photos / "y.png", seed=2)
    library.index(photos)
    kept = inside.rename(photos.parent / "kept.png")
    (photos / "x.png").rmdir()
    kept.rename(photos / "x.png")
    assert counts(library.index(photos)) == {"moved": 1, "unchanged": 1}
    _assert_is_the_disk(library, photos)
    (photos / "x.png").rename(kept)
    photo(photos / "x.png" / "new.png", seed=3)
    assert counts(library.index(photos)) == {"added": 1, "removed": 1, "unchanged": 1}
    _assert_is_the_disk(library, photos)


def test_a_picture_and_a_folder_that_change_names(
    library: Library, photos: Path, models: FakeModels
) -> None:
    photo(photos / "a.png", seed=1)
    photo(photos / "b.png" / "in.png", seed=2)
    library.index(photos)
    (photos / "a.png").rename(photos / "t")
    (photos / "b.png").rename(photos / "a.png")
    (photos / "t").rename(photos / "b.png")
    assert counts(library.index(photos)) == {"moved": 2}
    assert n_encoded(models) == 2
    _assert_is_the_disk(library, photos)


@pytest.mark.parametrize("make", KINDS)
def test_a_picture_that_becomes_something_unreadable_leaves(
    library: Library, photos: Path, make: Callable[[Path], None]
) -> None:
    """Nothing waits on it, named or found."""
    path = photo(photos / "x.png", seed=1)
    photo(photos / "stays.png", seed=2)
    library.index(photos)
    path.unlink()
    make(path)
    for options in (IndexOptions(), IndexOptions(recheck=True)):
        library.index(photos, options)
        _assert_is_the_disk(library, photos)
    assert library.failures() == []


def test_a_picture_that_becomes_a_pipe_after_it_was_scanned_is_no_hang(
    library: Library, photos: Path, models: FakeModels
) -> None:
    """Its size is that of a known picture, so its bytes would be digested."""
    photo(photos / "known.png", seed=1)
    library.index(photos)
    path = photo(photos / "x.png", seed=2)
    size = (photos / "known.png").stat().st_size
    path.write_bytes(path.read_bytes().ljust(size, b"\0")[:size])

    class Replace(WarningListener):
        def on_scan(self, found: int) -> None:
            if path.is_file():
                path.unlink()
                os.mkfifo(path)

    assert counts(library.index(photos, progress=Replace())) == {"unchanged": 1, "failed": 1}
    assert library.failures()[0].reason == "not a regular file"
    library.index(photos)
    assert library.failures() == []
    _assert_is_the_disk(library, photos)


def test_a_link_that_becomes_a_loop_takes_its_pictures_along(
    library: Library, photos: Path, tmp_path: Path
) -> None:
    photo(tmp_path / "album" / "a.png", seed=1)
    photo(photos / "x.png", seed=2)
    link = photos / "album"
    link.symlink_to(tmp_path / "album")
    assert library.index(photos).added == 2
    link.unlink()
    link.symlink_to(photos)
    assert counts(library.index(photos)) == {"removed": 1, "unchanged": 1}
    _assert_is_the_disk(library, photos)


@pytest.mark.parametrize("name", ["album", "album.2019", "old photos.d"])
def test_a_link_to_a_drive_that_is_away_keeps_its_pictures_whatever_its_name(
    library: Library, photos: Path, tmp_path: Path, name: str
) -> None:
    photo(tmp_path / "drive" / "a.png", seed=1)
    photo(photos / "x.png", seed=2)
    (photos / name).symlink_to(tmp_path / "drive")
    library.index(photos)
    away = (tmp_path / "drive").rename(tmp_path / "away")
    heard = WarningListener()
    assert counts(library.index(photos, progress=heard)) == {"unchanged": 1}
    assert name in heard.messages[0]
    away.rename(tmp_path / "drive")
    assert counts(library.index(photos)) == {"unchanged": 2}


@pytest.mark.parametrize("make", [*KINDS, _make_dead_link, _make_file])
@pytest.mark.parametrize("name", ["root", "root.png"])
def test_a_root_that_is_no_folder_now_is_offline_and_stops_no_other(
    library: Library, photos: Path, make: Callable[[Path], None], name: str
) -> None:
    root, other = photos / name, photos / "other"
    photo(root / "a.png", seed=1)
    photo(other / "b.png", seed=2)
    library.index([root, other])
    away = root.rename(photos.parent / "away")
    make(root)
    photo(other / "new.png", seed=3)
    heard = WarningListener()
    summary = library.index([root, other], progress=heard)
    assert counts(summary) == {"added": 1, "unchanged": 1}
    assert summary.offline_roots == (root,)
    assert "is no folder now" in heard.messages[0]
    assert [one.online for one in library.status().roots] == [False, True]
    root.unlink()
    away.rename(root)
    assert counts(library.index([root, other])) == {"unchanged": 3}
    assert all(one.online for one in library.status().roots)
    for folder in (root, other):
        _assert_is_the_disk(library, folder)


def test_a_picture_where_a_root_was_is_indexed_with_the_folder_around(
    library: Library, photos: Path
) -> None:
    """The folder around takes the root over, and then knows what lies there now."""
    root = photos / "root.png"
    photo(root / "a.png", seed=1)
    library.index(root)
    shutil.rmtree(root)
    photo(root, seed=2)
    assert library.index(root).offline_roots == (root,)
    assert counts(library.index(photos)) == {"added": 1, "removed": 1}
    assert [one.path for one in library.status().roots] == [photos]
    _assert_is_the_disk(library, photos)


def test_a_root_in_a_root_is_part_of_it_in_any_order(library: Library, photos: Path) -> None:
    photo(photos / "in" / "ner" / "a.png", seed=1)
    photo(photos / "b.png", seed=2)
    library.index(photos / "in" / "ner")
    library.index(photos / "in")
    library.index(photos)
    assert counts(library.index([photos / "in" / "ner", photos])) == {"unchanged": 2}
    shutil.rmtree(photos / "in")
    assert counts(library.index(photos)) == {"removed": 1, "unchanged": 1}
    assert [one.path for one in library.status().roots] == [photos]
    _assert_is_the_disk(library, photos)


@pytest.mark.parametrize(
    ("old", "new"), [(b"a.png", b"A.PNG"), (b"sub/a.png", b"SUB/a.png"), (b"\xe9.png", b"\xc9.png")]
)
def test_a_rename_in_case_alone_moves_the_row(
    library: Library, photos: Path, models: FakeModels, old: bytes, new: bytes
) -> None:
    """Also where names are no text."""
    before, after = photos / os.fsdecode(old), photos / os.fsdecode(new)
    photo(before, seed=1)
    library.index(photos)
    media = library.info(before).media
    after.parent.mkdir(exist_ok=True)
    before.rename(after)
    assert counts(library.index(photos)) == {"moved": 1}
    moved = library.info(after).media
    assert media is not None
    assert moved is not None
    assert moved.media_id == media.media_id
    assert n_encoded(models) == 1
    _assert_is_the_disk(library, photos)
