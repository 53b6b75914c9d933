"""Indexing again and again: what is unchanged, new, changed, moved, copied, gone, bad."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from mmsearch.engine.library import Library
from mmsearch.engine.records import IndexOptions
from tests.fakes import FakeModels
from tests.photos import (
    bad_photo,
    counts,
    fake_library,
    found,
    media_id,
    n_encoded,
    photo,
    touch_later,
)


def test_new_files_are_added_and_found(library: Library, photos: Path) -> None:
    red, blue = photo(photos / "a/red.png", "red"), photo(photos / "b/blue.png", "blue")
    assert counts(library.index(photos)) == {"added": 2}
    assert [hit.media.path for hit in library.query("red")] == [red, blue]
    assert [hit.media.path for hit in library.query("blue")] == [blue, red]


def test_unchanged_files_are_not_read_again(home: Path, photos: Path) -> None:
    """A second run, by another process's eyes, loads no model and encodes nothing."""
    for seed in range(10):
        photo(photos / f"{seed}.png", seed=seed)
    with fake_library(home) as library:
        library.index(photos)
    again = FakeModels()
    with fake_library(home, again) as library:
        assert counts(library.index(photos)) == {"unchanged": 10}
    assert again.loads == []


def test_a_changed_file_is_embedded_again(library: Library, photos: Path) -> None:
    path = photo(photos / "x.png", "red")
    other = photo(photos / "y.png", "green")
    library.index(photos)
    before = media_id(library, path)
    photo(path, "blue")
    assert counts(library.index(photos)) == {"updated": 1, "unchanged": 1}
    assert [hit.media.path for hit in library.query("blue")] == [path, other]
    assert library.query("red")[0].score < 0.9
    assert media_id(library, path) == before


def test_a_touched_file_is_not_embedded_again(
    library: Library, photos: Path, models: FakeModels
) -> None:
    path = photo(photos / "x.png")
    library.index(photos)
    touch_later(path)
    assert counts(library.index(photos)) == {"unchanged": 1}
    assert n_encoded(models) == 1
    assert counts(library.index(photos)) == {"unchanged": 1}


def test_a_moved_file_keeps_its_row_and_embedding(
    library: Library, photos: Path, models: FakeModels
) -> None:
    path = photo(photos / "old/x.png")
    library.index(photos)
    before = media_id(library, path)
    new = photos / "new/renamed.png"
    new.parent.mkdir()
    path.rename(new)
    assert counts(library.index(photos)) == {"moved": 1}
    assert media_id(library, new) == before
    assert found(library) == {new}
    assert n_encoded(models) == 1


def test_a_moved_folder_keeps_all_its_rows(
    library: Library, photos: Path, models: FakeModels
) -> None:
    """Also across roots, when both are indexed in one run."""
    for seed in range(6):
        photo(photos / f"one/old/{seed}.png", seed=seed)
    (photos / "two").mkdir()
    library.index([photos / "one", photos / "two"])
    before = {media_id(library, photos / f"one/old/{seed}.png") for seed in range(6)}
    (photos / "one/old").rename(photos / "two/new")
    assert counts(library.index([photos / "one", photos / "two"])) == {"moved": 6}
    assert {media_id(library, photos / f"two/new/{seed}.png") for seed in range(6)} == before
    assert n_encoded(models) == 6


def test_a_chain_of_renames_embeds_nothing_again(
    library: Library, photos: Path, models: FakeModels
) -> None:
    """b becomes c and a becomes b: each path shows its new picture."""
    photo(photos / "a.png", "red")
    photo(photos / "b.png", "blue")
    library.index(photos)
    (photos / "b.png").rename(photos / "c.png")
    (photos / "a.png").rename(photos / "b.png")
    library.index(photos)
    assert [hit.media.path.name for hit in library.query("red")] == ["b.png", "c.png"]
    assert n_encoded(models) == 2
    assert counts(library.index(photos)) == {"unchanged": 2}


def test_two_files_that_change_places_embed_nothing_again(
    library: Library, photos: Path, models: FakeModels
) -> None:
    photo(photos / "a.png", "red")
    photo(photos / "b.png", "blue", size=30)
    library.index(photos)
    (photos / "a.png").rename(photos / "t")
    (photos / "b.png").rename(photos / "a.png")
    (photos / "t").rename(photos / "b.png")
    assert counts(library.index(photos)) == {"updated": 2}
    assert library.query("red", k=1)[0].media.path.name == "b.png"
    assert n_encoded(models) == 2


def test_equal_files_share_one_embedding_and_one_hit(
    library: Library, photos: Path, models: FakeModels
) -> None:
    path = photo(photos / "x.png")
    shutil.copy(path, photos / "copy 1.png")
    assert counts(library.index(photos)) == {"added": 2}
    shutil.copy(path, photos / "copy 2.png")
    assert counts(library.index(photos)) == {"added": 1, "unchanged": 2}
    assert n_encoded(models) == 1
    assert len(library.query("red")) == 1
    assert len(library.info(path).copies) == 2
    status = library.status()
    assert (status.n_files, status.n_contents) == (3, 1)


def test_a_picture_stays_while_one_copy_stays(library: Library, photos: Path) -> None:
    path = photo(photos / "x.png")
    copy = Path(shutil.copy(path, photos / "y.png"))
    library.index(photos)
    path.unlink()
    assert counts(library.index(photos)) == {"removed": 1, "unchanged": 1}
    assert found(library) == {copy}


def test_removed_files_leave(library: Library, photos: Path) -> None:
    stays = photo(photos / "stays.png", seed=1)
    photo(photos / "goes.png", seed=2)
    library.index(photos)
    (photos / "goes.png").unlink()
    assert counts(library.index(photos)) == {"removed": 1, "unchanged": 1}
    assert found(library) == {stays}
    assert library.status().n_contents == 1


def test_a_removed_file_that_returns_is_found_again(library: Library, photos: Path) -> None:
    """Also with the same time and size as before."""
    photo(photos / "stays.png", seed=1)
    path = photo(photos / "x.png", seed=2)
    kept = shutil.copy2(path, photos.parent / "kept.png")
    library.index(photos)
    path.unlink()
    library.index(photos)
    shutil.copy2(kept, path)
    assert counts(library.index(photos)) == {"added": 1, "unchanged": 1}
    assert path in found(library)


def test_a_bad_file_is_listed_and_not_tried_again(library: Library, photos: Path) -> None:
    photo(photos / "good.png")
    bad = bad_photo(photos / "bad.jpg")
    assert counts(library.index(photos)) == {"added": 1, "failed": 1}
    assert counts(library.index(photos)) == {"unchanged": 1, "failed": 1}
    (failure,) = library.failures()
    assert failure.path == bad
    assert failure.reason
    assert library.status().n_failed == 1
    info = library.info(bad)
    assert info.media is None
    assert info.failure == failure


def test_a_file_over_a_limit_is_tried_again_when_that_limit_is_higher(
    home: Path, photos: Path
) -> None:
    """Neither the same limit again nor a lower one costs a read; another kind of failure stays."""
    photo(photos / "big.png", size=400)
    bad_photo(photos / "bad.png")
    for megapixels in (0.1, 0.1, 0.05):
        with fake_library(home, max_megapixels=megapixels) as library:
            assert counts(library.index(photos)) == {"failed": 2}
            reasons = {failure.path.name: failure.reason for failure in library.failures()}
            assert reasons["big.png"] == (
                "400x400 is 0.2 megapixels, over the limit of 0.1: raise max_megapixels"
            )
    with fake_library(home, max_megapixels=0.2) as library:
        assert counts(library.index(photos)) == {"added": 1, "failed": 1}
        assert [failure.path.name for failure in library.failures()] == ["bad.png"]


def test_a_known_picture_that_was_over_a_limit_for_another_model_is_tried_again(
    home: Path, photos: Path
) -> None:
    photo(photos / "big.png", size=400)
    with fake_library(home) as library:
        library.index(photos)
    with fake_library(home, model="other", max_megapixels=0.1) as library:
        assert counts(library.index(photos)) == {"failed": 1}
        assert counts(library.index(photos)) == {"failed": 1}
    with fake_library(home, model="other") as library:
        assert counts(library.index(photos)) == {"updated": 1}
        assert library.failures() == []


def test_files_that_failed_are_read_again_where_that_is_asked_for(
    library: Library, photos: Path
) -> None:
    """What made them fail may have been outside: permissions, a missing decoder."""
    path = photo(photos / "x.png")
    stamp, good = path.stat(), path.read_bytes()
    for content in (b"x" * len(good), good):
        path.write_bytes(content)
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        assert counts(library.index(photos)) == {"failed": 1}
    assert counts(library.index(photos, IndexOptions(retry_failed=True))) == {"added": 1}
    assert library.failures() == []


def test_a_bad_file_that_is_mended_is_indexed(library: Library, photos: Path) -> None:
    photo(photos / "good.png", seed=1)
    bad = bad_photo(photos / "x.png")
    library.index(photos)
    photo(bad, seed=2)
    assert counts(library.index(photos)) == {"added": 1, "unchanged": 1}
    assert library.failures() == []


def test_a_bad_file_that_leaves_is_forgotten(library: Library, photos: Path) -> None:
    photo(photos / "good.png")
    bad_photo(photos / "x.png").unlink()
    bad = bad_photo(photos / "y.png")
    library.index(photos)
    bad.unlink()
    assert counts(library.index(photos)) == {"unchanged": 1}
    assert library.failures() == []


def test_a_good_file_that_goes_bad_is_no_longer_found(library: Library, photos: Path) -> None:
    stays = photo(photos / "stays.png", seed=1)
    path = photo(photos / "x.png", seed=2)
    library.index(photos)
    bad_photo(path)
    assert counts(library.index(photos)) == {"unchanged": 1, "failed": 1}
    assert found(library) == {stays}
    assert [failure.path for failure in library.failures()] == [path]
