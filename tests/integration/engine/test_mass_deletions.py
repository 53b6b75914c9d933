"""More than half of a folder gone at once stays in the index until somebody says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsearch.engine.library import Library
from mmsearch.engine.records import IndexOptions
from mmsearch.engine.survey import EMPTY_IS_ABSENT_FROM
from mmsearch.types import HeldBack
from tests.fakes import FakeModels, WarningListener
from tests.photos import bad_photo, counts, found, media_id, n_encoded, photo

COUNT = 2 * EMPTY_IS_ABSENT_FROM
ALLOWED = IndexOptions(allow_mass_removal=True)


def _fill(folder: Path, count: int = COUNT, first: int = 0) -> list[Path]:
    return [photo(folder / f"{n}.png", seed=n) for n in range(first, first + count)]


def _delete(paths: list[Path]) -> None:
    for path in paths:
        path.unlink()


def test_most_of_a_root_gone_at_once_is_held_back_and_all_else_goes_on(
    library: Library, photos: Path
) -> None:
    """What is held back is still found, as what lies on a missing drive is."""
    paths = _fill(photos)
    library.index(photos)
    _delete(paths[: COUNT - 4])
    photo(paths[-1], "blue", seed=99)
    paths[-2].rename(photos / "moved.png")
    photo(photos / "new.png", "green")
    heard = WarningListener()
    summary = library.index(photos, progress=heard)
    assert counts(summary) == {"added": 1, "updated": 1, "moved": 1, "unchanged": 2}
    assert summary.held_back == (HeldBack(photos, COUNT - 4, COUNT),)
    (warning,) = heard.messages
    assert f"{COUNT - 4} of {COUNT} pictures below {photos} are gone" in warning
    assert "--yes" in warning
    assert paths[0] in found(library)
    assert library.status().roots[0].online is True


def test_what_was_held_back_leaves_when_that_is_allowed(library: Library, photos: Path) -> None:
    paths = _fill(photos)
    bad = bad_photo(photos / "bad.png")
    library.index(photos)
    _delete([*paths[:-2], bad])
    assert counts(library.index(photos)) == {"unchanged": 2}
    assert len(library.failures()) == 1
    summary = library.index(photos, ALLOWED)
    assert counts(summary) == {"removed": COUNT - 2, "unchanged": 2}
    assert summary.held_back == ()
    assert found(library) == set(paths[-2:])
    assert library.failures() == []


def test_what_was_held_back_is_there_again_when_its_files_are(
    library: Library, photos: Path, models: FakeModels
) -> None:
    paths = _fill(photos / "sub")
    photo(photos / "x.png", seed=99)
    library.index(photos)
    away = (photos / "sub").rename(photos.parent / "away")
    (photos / "sub").mkdir()
    ids = {media_id(library, path) for path in paths}
    assert library.index(photos).held_back
    (photos / "sub").rmdir()
    away.rename(photos / "sub")
    assert counts(library.index(photos)) == {"unchanged": COUNT + 1}
    assert {media_id(library, path) for path in paths} == ids
    assert n_encoded(models) == COUNT + 1


@pytest.mark.parametrize("n_gone", [EMPTY_IS_ABSENT_FROM - 1, EMPTY_IS_ABSENT_FROM])
def test_half_of_a_root_or_a_few_files_leave_unasked(
    library: Library, photos: Path, n_gone: int
) -> None:
    """Nine of ten are few; ten of twenty are not more than half."""
    paths = _fill(photos, 10 if n_gone < EMPTY_IS_ABSENT_FROM else COUNT)
    library.index(photos)
    _delete(paths[:n_gone])
    summary = library.index(photos)
    assert (summary.removed, summary.held_back) == (n_gone, ())


def test_a_renamed_folder_is_no_deletion(library: Library, photos: Path) -> None:
    _fill(photos / "old")
    library.index(photos)
    (photos / "old").rename(photos / "new")
    summary = library.index(photos)
    assert counts(summary) == {"moved": COUNT}
    assert summary.held_back == ()


def test_each_root_and_each_named_folder_is_judged_by_itself(
    library: Library, photos: Path
) -> None:
    one = _fill(photos / "one")
    two = _fill(photos / "two", first=COUNT)
    library.index([photos / "one", photos / "two"])
    _delete([*one[:-1], *two[:3]])
    summary = library.index([photos / "one", photos / "two"])
    assert summary.removed == 3
    assert [held.path for held in summary.held_back] == [photos / "one"]


def test_a_named_sub_folder_is_judged_by_what_it_held(library: Library, photos: Path) -> None:
    """Below the whole root they are few, and a run over the root lets them go."""
    few = _fill(photos / "few", EMPTY_IS_ABSENT_FROM + 1)
    _fill(photos / "many", 2 * COUNT, first=100)
    library.index(photos)
    _delete(few[:-1])
    summary = library.index(photos / "few")
    assert summary.held_back == (HeldBack(photos / "few", len(few) - 1, len(few)),)
    assert library.index(photos).removed == len(few) - 1


def test_what_is_left_out_all_at_once_is_held_back_too(library: Library, photos: Path) -> None:
    """A run that lacks an option of the one before must not empty the index either."""
    _fill(photos / ".hidden")
    photo(photos / "x.png", seed=99)
    library.index(photos, IndexOptions(include_hidden=True))
    assert library.index(photos).held_back == (HeldBack(photos, COUNT, COUNT + 1),)
    assert library.status().n_files == COUNT + 1


def test_an_empty_folder_is_not_there_whatever_is_allowed(library: Library, photos: Path) -> None:
    """A drive that is not mounted is no deletion that anybody agreed to."""
    paths = _fill(photos)
    library.index(photos)
    _delete(paths)
    summary = library.index(photos, ALLOWED)
    assert (summary.removed, summary.offline_roots) == (0, (photos,))
