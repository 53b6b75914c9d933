"""Folders that are written to: tried, measured, told from those on a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsearch.engine.places import (
    free_bytes,
    nearest_folder,
    network_kind,
    size_bytes,
    write_problem,
)
from tests.disk import SmallFiles


def test_a_folder_that_is_not_there_yet_is_judged_by_the_one_above(tmp_path: Path) -> None:
    assert nearest_folder(tmp_path / "a" / "b") == tmp_path
    assert write_problem(tmp_path / "a" / "b") is None
    assert free_bytes(tmp_path / "a" / "b") > 0
    assert list(tmp_path.iterdir()) == []


def test_writing_is_tried(tmp_path: Path) -> None:
    with SmallFiles(tmp_path).full(room=100):
        assert write_problem(tmp_path) == "file too large"


def test_sizes_are_summed_below_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one").write_bytes(b"123")
    (tmp_path / "two").write_bytes(b"4567")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    assert size_bytes(tmp_path) >= 7
    assert size_bytes(tmp_path / "none") == 0


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("host:/x {} nfs4 rw 0 0", "nfs4"),
        ("//host/x {} cifs rw 0 0", "cifs"),
        ("user@host: {} fuse.sshfs rw 0 0", "fuse.sshfs"),
        ("/dev/sda {} ext4 rw 0 0", None),
        ("host:/x {}/elsewhere nfs4 rw 0 0", None),
    ],
)
def test_the_innermost_mount_tells_the_kind(tmp_path: Path, line: str, kind: str | None) -> None:
    mounts = tmp_path / "mounts"
    folder = tmp_path / "with space"
    folder.mkdir()
    mounted = str(folder.resolve()).replace(" ", "\\040")
    mounts.write_text("overlay / overlay rw 0 0\n" + line.format(mounted) + "\n")
    assert network_kind(folder / "not" / "yet", mounts) == kind


def test_where_mounts_are_not_listed_nothing_is_said(tmp_path: Path) -> None:
    assert network_kind(tmp_path, tmp_path / "none") is None
