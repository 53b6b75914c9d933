"""The disk gets full: one clear line, what was there is there, and the next try goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mmsearch.engine.library import Library
from mmsearch.errors import CatalogueError, MmsearchError, VectorIndexError
from tests.disk import Disk, SmallFiles, mounted
from tests.integration.engine.upkeep.filled import (
    N_PHOTOS,
    answers,
    catalogue_file,
    filled_library,
    rows_of,
)
from tests.photos import photo

N_MORE = 500
NO_SPACE = r"(?i)(disk is full|disk I/O error|\(no space left on device\)|\(file too large\))"


@pytest.fixture(params=["disk", "files"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    """Where the index lies, and the backups."""
    if request.param == "files":
        pytest.importorskip("resource", reason="this system limits no file sizes")
        yield SmallFiles(tmp_path)
    else:
        with mounted(tmp_path / "disk") as small:
            yield small


@pytest.fixture
def index(disk: Disk, tmp_path: Path) -> Iterator[Library]:
    """An index on that disk; the pictures lie elsewhere."""
    (tmp_path / "photos").mkdir()
    with filled_library(disk.folder / "home", tmp_path / "photos") as library:
        yield library


def names_below(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*")}


def check_line(error: MmsearchError) -> None:
    assert "\n" not in str(error)
    assert str(error).count(":") < 5  # no source lines of a library


def add_photos(folder: Path) -> None:
    for seed in range(N_MORE):
        photo(folder / f"more{seed}.png", "red", 1000 + seed, size=8)


def test_during_indexing(disk: Disk, index: Library, tmp_path: Path) -> None:
    before = dict(answers(index))
    add_photos(tmp_path / "photos")
    with disk.full():
        with pytest.raises(CatalogueError, match=NO_SPACE) as caught:
            index.index(tmp_path / "photos")
        check_line(caught.value)
        found = dict(answers(index))
        assert before.items() <= found.items()
        assert len(found) < N_PHOTOS + N_MORE
    summary = index.index(tmp_path / "photos")
    assert summary.added == N_PHOTOS + N_MORE - len(found)
    assert len(answers(index)) == N_PHOTOS + N_MORE
    index.backup(tmp_path / "sound")  # which checks every page


def test_during_saving_vectors(disk: Disk, index: Library, tmp_path: Path) -> None:
    add_photos(tmp_path / "photos")
    index.index(tmp_path / "photos")
    before = answers(index)
    index.close()
    folder = index.settings.index_dir / "vectors"
    for file in folder.glob("*.faiss"):
        file.unlink()
    with disk.full(room=4096):
        with pytest.raises(VectorIndexError, match=NO_SPACE) as caught:
            index.index(tmp_path / "photos")
        check_line(caught.value)
        assert not list(folder.glob("*.tmp"))
        assert answers(index) == before
    index.index(tmp_path / "photos")
    assert list(folder.glob("*-image.faiss"))
    assert answers(index) == before


def test_during_backup(disk: Disk, index: Library, tmp_path: Path) -> None:
    before = rows_of(catalogue_file(index))
    folder = disk.folder / "backups"
    with disk.full():
        with pytest.raises(CatalogueError, match=NO_SPACE) as caught:
            index.backup(folder)
        check_line(caught.value)
        assert not folder.exists()
        assert len(answers(index)) == N_PHOTOS
    assert rows_of(catalogue_file(index)) == before
    assert index.backup(folder).files == N_PHOTOS


def test_during_restore(disk: Disk, index: Library, tmp_path: Path) -> None:
    index.backup(tmp_path / "backup")
    index.remove(tmp_path / "photos" / "0.png")
    index.close()
    before, names = rows_of(catalogue_file(index)), names_below(index.settings.home)
    with disk.full():
        with pytest.raises(CatalogueError, match=NO_SPACE) as caught:
            index.restore(tmp_path / "backup")
        check_line(caught.value)
        assert names_below(index.settings.home) == names
    assert rows_of(catalogue_file(index)) == before
    assert len(answers(index)) == N_PHOTOS - 1
    index.restore(tmp_path / "backup")
    assert len(answers(index)) == N_PHOTOS
