"""Scanning: what is found, in which order, and what survives odd trees."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmsearch.media import scan as scan_module
from mmsearch.media.scan import ScannedFile, ScanOptions, ScanProblem, scan

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")


def put(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def found(root: Path, options: ScanOptions | None = None) -> list[bytes]:
    items = list(scan(root, options or ScanOptions()))
    assert all(isinstance(item, ScannedFile) for item in items), items
    return [item.relative for item in items]


def test_finds_pictures_by_extension_in_any_case(tmp_path: Path) -> None:
    put(tmp_path, "a.JPG", "b.txt", "c.HeiC", "d", "sub/e.jp2", "f.jpg.part")
    assert found(tmp_path) == [b"a.JPG", b"c.HeiC", b"sub/e.jp2"]


def test_a_scanned_file_has_absolute_path_size_and_time(tmp_path: Path) -> None:
    put(tmp_path, "sub/a.jpg")
    (item,) = scan(tmp_path, ScanOptions())
    info = (tmp_path / "sub/a.jpg").stat()
    assert item == ScannedFile(tmp_path / "sub/a.jpg", b"sub/a.jpg", info.st_size, info.st_mtime_ns)


def test_order_depends_on_names_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same tree listed backwards by the system gives the same sequence."""
    put(tmp_path, "b/2.jpg", "b/1.jpg", "a/3.jpg", "c.jpg", "B.jpg")
    before = found(tmp_path)
    real = os.scandir

    class Backwards:
        def __init__(self, path: str) -> None:
            self.entries = list(real(path))[::-1]

        def __enter__(self) -> Iterator[os.DirEntry[str]]:
            return iter(self.entries)

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(scan_module.os, "scandir", Backwards)
    assert found(tmp_path) == before == [b"B.jpg", b"c.jpg", b"a/3.jpg", b"b/1.jpg", b"b/2.jpg"]


def test_skips_hidden_and_cache_folders(tmp_path: Path) -> None:
    put(tmp_path, ".h/a.jpg", ".b.jpg", "@eaDir/c.jpg", "node_modules/d.jpg", "#recycle/e.jpg")
    put(tmp_path, "x/$RECYCLE.BIN/f.jpg", ".git/g.jpg", "keep.jpg")
    assert found(tmp_path) == [b"keep.jpg"]
    shown = found(tmp_path, ScanOptions(include_hidden=True))
    assert shown == [b".b.jpg", b"keep.jpg", b".h/a.jpg"]


@pytest.mark.parametrize(
    ("glob", "left"),
    [
        ("*.png", [b"a.jpg", b"raw/a.jpg", b"raw/old/c.jpg"]),
        ("raw", [b"a.jpg", b"b.png"]),
        ("raw/", [b"a.jpg", b"b.png"]),
        ("raw/old/*", [b"a.jpg", b"b.png", b"raw/a.jpg"]),
        ("a.*", [b"b.png", b"raw/old/c.jpg"]),
    ],
)
def test_exclude_matches_names_and_relative_paths(
    tmp_path: Path, glob: str, left: list[bytes]
) -> None:
    put(tmp_path, "a.jpg", "b.png", "raw/a.jpg", "raw/old/c.jpg")
    assert found(tmp_path, ScanOptions(exclude=(glob,))) == left


@needs_links
def test_link_loops_end_and_each_folder_is_walked_once(tmp_path: Path) -> None:
    put(tmp_path, "real/a.jpg")
    (tmp_path / "real/up").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "real")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    assert found(tmp_path) == [b"real/a.jpg"]


@needs_links
def test_links_out_of_the_tree_are_followed(tmp_path: Path) -> None:
    put(tmp_path, "outside/deep/a.jpg", "elsewhere.jpg", "root/b.jpg")
    (tmp_path / "root/linked").symlink_to(tmp_path / "outside")
    (tmp_path / "root/twice").symlink_to(tmp_path / "outside")
    (tmp_path / "root/one.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    (tmp_path / "root/two.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    assert found(tmp_path / "root") == [b"b.jpg", b"linked/deep/a.jpg", b"one.jpg"]


@needs_links
def test_a_link_to_a_file_in_the_tree_is_skipped_even_if_it_sorts_first(tmp_path: Path) -> None:
    put(tmp_path, "z.jpg")
    (tmp_path / "a.jpg").symlink_to(tmp_path / "z.jpg")
    assert found(tmp_path) == [b"z.jpg"]


@needs_links
def test_a_dangling_picture_link_is_a_problem_with_its_relative_path(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "missing.jpg")
    (tmp_path / "note.txt").symlink_to(tmp_path / "missing.txt")
    why = "a link to something missing"
    assert list(scan(tmp_path, ScanOptions())) == [
        ScanProblem(tmp_path / "gone.jpg", why, b"gone.jpg"),
        ScanProblem(tmp_path / "note.txt", why, b"note.txt", is_likely=False),
    ]


def test_an_unreadable_folder_is_a_problem_and_the_rest_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faked, since tests may run as root, whom no mode stops."""
    put(tmp_path, "open/a.jpg", "shut/b.jpg")
    real = os.scandir

    def refusing(path: str) -> object:
        if path.endswith("shut"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(scan_module.os, "scandir", refusing)
    items = list(scan(tmp_path, ScanOptions()))
    assert [type(item) for item in items] == [ScannedFile, ScanProblem]
    assert items[1] == ScanProblem(tmp_path / "shut", "permission denied", b"shut")


def test_a_file_that_vanishes_during_the_scan_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a.jpg", "b.jpg")
    real = os.scandir

    def late(path: str) -> object:
        listing = real(path)
        entries = list(listing)
        (tmp_path / "a.jpg").unlink(missing_ok=True)

        class Listing:
            def __enter__(self) -> Iterator[os.DirEntry[str]]:
                return iter(entries)

            def __exit__(self, *_: object) -> None:
                listing.close()

        return Listing()

    monkeypatch.setattr(scan_module.os, "scandir", late)
    assert found(tmp_path) == [b"b.jpg"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_odd_names_survive_as_bytes(tmp_path: Path) -> None:
    names = [b"caf\xe9.jpg", b"line\nbreak.jpg", b"tab\t.jpg", "日本.jpg".encode(), b" .jpg"]
    for name in names:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"x")
    items = list(scan(tmp_path, ScanOptions()))
    assert [item.relative for item in items] == sorted(names)
    assert all(item.path.stat().st_size == 1 for item in items)


def test_a_missing_root_is_a_problem_at_the_root(tmp_path: Path) -> None:
    (problem,) = scan(tmp_path / "nowhere", ScanOptions())
    assert isinstance(problem, ScanProblem)
    assert (problem.relative, problem.reason) == (b"", "no such file or directory")


def test_a_root_that_is_a_file_yields_that_file(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.txt")
    assert found(tmp_path / "a.jpg") == [b"a.jpg"]
    assert found(tmp_path / "b.txt") == []


def test_folders_deeper_than_the_recursion_limit_are_walked(tmp_path: Path) -> None:
    """By relative paths, since an absolute one would be longer than the system takes."""
    depth = 300
    deep = tmp_path.joinpath(*["d"] * depth)
    deep.mkdir(parents=True)
    put(deep, "a.jpg")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(250)
    try:
        assert found(tmp_path) == [b"d/" * depth + b"a.jpg"]
    finally:
        sys.setrecursionlimit(limit)


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes in folders")
def test_what_is_no_regular_file_is_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    assert found(tmp_path) == []
