"""A missing folder is not a deletion: offline roots, empty mount points, closed folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mmsearch.engine import survey as survey_module
from mmsearch.engine.library import Library
from mmsearch.engine.progress import SilentProgress
from mmsearch.errors import QueryError
from tests.fakes import FakeModels, WarningListener
from tests.photos import photo


def _fill(folder: Path, count: int) -> None:
    for seed in range(count):
        photo(folder / f"{seed}.png", seed=seed)


def test_a_missing_root_goes_offline_and_comes_back(
    library: Library, photos: Path, models: FakeModels
) -> None:
    _fill(photos, 3)
    library.index(photos)
    away = photos.rename(photos.parent / "away")
    heard = WarningListener()
    summary = library.index(photos, progress=heard)
    assert (summary.removed, summary.offline_roots) == (0, (photos,))
    (warning,) = heard.messages
    assert str(photos) in warning
    assert "mmsearch remove" in warning
    assert library.status().roots[0].online is False
    hits = library.query("red")
    assert [hit.media.online for hit in hits] == [False] * 3
    away.rename(photos)
    assert library.index(photos).unchanged == 3
    assert library.status().roots[0].online is True
    assert models.encoders["fake"].n_images == 3


def test_a_root_that_is_empty_all_at_once_is_taken_for_unmounted(
    library: Library, photos: Path
) -> None:
    count = survey_module.EMPTY_IS_ABSENT_FROM
    _fill(photos, count)
    library.index(photos)
    away = photos.rename(photos.parent / "away")
    photos.mkdir()
    heard = WarningListener()
    summary = library.index(photos, progress=heard)
    assert (summary.removed, summary.offline_roots) == (0, (photos,))
    assert "not mounted?" in heard.messages[0]
    assert library.status().n_files == count
    photos.rmdir()
    away.rename(photos)
    assert library.index(photos).unchanged == count
    assert library.status().roots[0].online is True


def test_a_few_files_deleted_by_hand_leave(library: Library, photos: Path) -> None:
    _fill(photos, survey_module.EMPTY_IS_ABSENT_FROM - 1)
    library.index(photos)
    for path in photos.iterdir():
        path.unlink()
    summary = library.index(photos)
    assert (summary.removed, summary.offline_roots) == (survey_module.EMPTY_IS_ABSENT_FROM - 1, ())


def test_a_missing_folder_inside_a_root_is_kept_when_named(library: Library, photos: Path) -> None:
    """Named itself it may be unmounted; seen from its root, which is there, it was deleted."""
    _fill(photos / "sub", 2)
    photo(photos / "x.png", seed=9)
    library.index(photos)
    (photos / "sub").rename(photos.parent / "away")
    summary = library.index(photos / "sub")
    assert (summary.removed, summary.offline_roots) == (0, (photos / "sub",))
    assert library.status().n_files == 3
    assert library.status().roots[0].online is True
    assert library.index(photos).removed == 2


def test_a_missing_folder_around_roots_takes_them_offline(library: Library, photos: Path) -> None:
    _fill(photos / "one", 1)
    _fill(photos / "two", 2)
    library.index([photos / "one", photos / "two"])
    photos.rename(photos.parent / "away")
    assert library.index(photos).offline_roots == (photos,)
    assert [root.online for root in library.status().roots] == [False, False]
    assert library.status().n_files == 3


def test_a_missing_root_does_not_stop_the_others(library: Library, photos: Path) -> None:
    _fill(photos / "one", 1)
    _fill(photos / "two", 2)
    library.index([photos / "one", photos / "two"])
    (photos / "one").rename(photos / "gone")
    photo(photos / "two/new.png", "blue")
    summary = library.index([photos / "one", photos / "two"])
    assert (summary.added, summary.unchanged, summary.removed) == (1, 2, 0)


def test_a_folder_inside_a_root_that_was_never_there_is_refused(
    library: Library, photos: Path
) -> None:
    _fill(photos, 1)
    library.index(photos)
    with pytest.raises(QueryError, match="no file or folder"):
        library.index(photos / "typo")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read any folder")
def test_a_closed_folder_keeps_its_rows(library: Library, photos: Path) -> None:
    _fill(photos / "closed", 2)
    library.index(photos)
    (photos / "closed").chmod(0)
    heard = WarningListener()
    try:
        summary = library.index(photos, progress=heard)
    finally:
        (photos / "closed").chmod(0o755)
    assert (summary.removed, library.status().n_files) == (0, 2)
    assert "permission denied" in heard.messages[0]


def test_a_dangling_link_keeps_the_rows_behind_it(
    library: Library, photos: Path, tmp_path: Path
) -> None:
    """The drive a link points to may be unmounted."""
    drive = tmp_path / "drive"
    _fill(drive, 2)
    photo(photos / "x.png", seed=9)
    (photos / "link").symlink_to(drive)
    assert library.index(photos).added == 3
    drive.rename(tmp_path / "away")
    heard = WarningListener()
    summary = library.index(photos, progress=heard)
    assert (summary.removed, summary.unchanged, library.status().n_files) == (0, 1, 3)
    assert "link" in heard.messages[0]


def test_a_root_swapped_during_the_run_loses_nothing(
    library: Library, photos: Path, tmp_path: Path
) -> None:
    """Unmounted between scan and removal, it is another folder by then."""
    _fill(photos, 3)
    library.index(photos)
    (photos / "0.png").unlink()

    class Unmount(SilentProgress):
        def on_scan(self, found: int) -> None:
            if photos.exists():
                photos.rename(tmp_path / "away")
                photos.mkdir()

    summary = library.index(photos, progress=Unmount())
    assert (summary.removed, summary.offline_roots) == (0, (photos,))
    assert library.status().n_files == 3
