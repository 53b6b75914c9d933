"""Pictures and folders that the disk does not give for a while: told, kept, and tried again."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mmsearch.engine.library import Library
from mmsearch.errors import CatalogueError, MediaError
from mmsearch.media.pool import DecodedFile, DecodeJob
from tests.fakes import FakeModels, InlineDecoder
from tests.photos import bad_photo, counts, fake_library, found, photo

STALE = "cannot be read: stale file handle"


class Disk:
    """Which files the disk does not give now."""

    failing: frozenset[str] = frozenset()


class FailingDecoder(InlineDecoder):
    """Decodes what the disk gives."""

    def decode(self, jobs: Iterable[DecodeJob], look_ahead: int) -> Iterator[DecodedFile]:
        """The decoded files, those on the failing disk without their bytes."""
        for decoded in super().decode(jobs, look_ahead):
            if decoded.path.name in Disk.failing:
                yield replace(
                    decoded, digest="", size_bytes=0, mtime_ns=0, pixels=None, error=STALE
                )
            else:
                yield decoded


@pytest.fixture
def failing(home: Path, models: FakeModels, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    """A library whose pictures lie on a disk that fails."""
    monkeypatch.setattr(Disk, "failing", frozenset({"b.png"}))
    with fake_library(home, models, FailingDecoder) as library:
        yield library


def test_an_unread_picture_is_told_and_tried_again_though_unchanged(
    failing: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo(photos / "a.png", seed=1)
    photo(photos / "b.png", seed=2)
    assert counts(failing.index(photos)) == {"added": 1, "failed": 1}
    assert [failure.reason for failure in failing.failures()] == [STALE]
    assert counts(failing.index(photos)) == {"unchanged": 1, "failed": 1}
    monkeypatch.setattr(Disk, "failing", frozenset())
    assert counts(failing.index(photos)) == {"added": 1, "unchanged": 1}
    assert failing.failures() == []


def test_a_damaged_picture_is_not_tried_again(library: Library, photos: Path) -> None:
    bad_photo(photos / "b.png")
    assert counts(library.index(photos)) == {"failed": 1}
    read = (photos / "b.png").stat().st_atime_ns
    assert counts(library.index(photos)) == {"failed": 1}
    assert (photos / "b.png").stat().st_atime_ns == read


def test_a_changed_picture_that_is_not_given_keeps_its_place(
    failing: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Disk, "failing", frozenset())
    place = photo(photos / "b.png", "red", 2)
    failing.index(photos)
    monkeypatch.setattr(Disk, "failing", frozenset({"b.png"}))
    photo(place, "blue", 3, size=30)
    assert counts(failing.index(photos)) == {"failed": 1}
    assert found(failing) == {place}
    monkeypatch.setattr(Disk, "failing", frozenset())
    assert counts(failing.index(photos)) == {"updated": 1}
    assert failing.failures() == []


def test_a_failure_that_passed_is_forgotten_where_the_old_bytes_are_back(
    failing: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Disk, "failing", frozenset())
    place = photo(photos / "b.png", "red", 2)
    before, info = place.read_bytes(), place.stat()
    failing.index(photos)
    monkeypatch.setattr(Disk, "failing", frozenset({"b.png"}))
    photo(place, "blue", 3, size=30)
    failing.index(photos)
    place.write_bytes(before)
    os.utime(place, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert counts(failing.index(photos)) == {"unchanged": 1}
    assert failing.failures() == []


def test_a_picture_without_its_embedding_is_tried_again_too(
    failing: Library, home: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is known, and unchanged; only the embedding of another model is wanting."""
    monkeypatch.setattr(Disk, "failing", frozenset())
    photo(photos / "b.png")
    failing.index(photos)
    monkeypatch.setattr(Disk, "failing", frozenset({"b.png"}))
    with fake_library(home, start_pool=FailingDecoder, model="other") as other:
        assert counts(other.index(photos)) == {"failed": 1}
        monkeypatch.setattr(Disk, "failing", frozenset())
        assert counts(other.index(photos)) == {"updated": 1}
        assert [space.n_images for space in other.status().spaces] == [1, 1]
        assert other.failures() == []


def test_pictures_from_the_future_are_indexed_once(library: Library, photos: Path) -> None:
    place = photo(photos / "a.png")
    later = time.time() + 400 * 24 * 3600
    os.utime(place, (later, later))
    assert counts(library.index(photos)) == {"added": 1}
    assert counts(library.index(photos)) == {"unchanged": 1}


def test_a_path_that_cannot_be_looked_at_is_not_called_missing(
    library: Library, photos: Path
) -> None:
    for _ in range(2):  # without an index, and with one
        with pytest.raises(MediaError, match=r"(?i)cannot be looked at \(file name too long\)"):
            library.index(photos / ("x" * 300))
        library.index(photo(photos / "a.png"))


def test_an_index_that_cannot_be_looked_up_is_not_called_missing(tmp_path: Path) -> None:
    with (
        fake_library(tmp_path / ("x" * 300)) as library,
        pytest.raises(CatalogueError, match=r"(?i)cannot be looked up \(file name too long\)"),
    ):
        library.query("red")
