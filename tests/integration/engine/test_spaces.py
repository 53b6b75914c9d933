"""One index, several models: each searched with its own, never with another's."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsearch.engine.progress import SilentProgress
from mmsearch.engine.records import IndexOptions
from mmsearch.errors import ModelError, SpaceMismatchError
from tests.fakes import FakeModels
from tests.photos import bad_photo, fake_library, photo


@pytest.fixture
def album(home: Path, photos: Path) -> Path:
    """Five pictures in two roots, indexed with the model "fake"."""
    for seed in range(4):
        photo(photos / f"one/{seed}.png", seed=seed)
    photo(photos / "two/blue.png", "blue")
    with fake_library(home) as library:
        library.index([photos / "one", photos / "two"])
    return photos


def test_a_second_model_is_built_beside_the_first(home: Path, album: Path) -> None:
    """All pictures of the index, not only those below the path that is named."""
    with fake_library(home, model="other") as library:
        summary = library.index(album / "one")
        assert (summary.added, summary.updated, summary.unchanged) == (0, 5, 0)
        assert library.query("blue", k=1)[0].media.path.name == "blue.png"
        assert library.index(album / "one").unchanged == 4
    with fake_library(home) as library:
        names = {
            (entry.space.name, entry.is_default, entry.n_images)
            for entry in library.status().spaces
        }
        assert names == {("fake", True, 5), ("other", False, 5)}
        assert library.query("blue", k=1)[0].media.path.name == "blue.png"
        assert {space.name for space in library.info(album / "one/0.png").spaces} == {
            "fake",
            "other",
        }


def test_a_query_without_a_model_uses_the_default_space(home: Path, album: Path) -> None:
    models = FakeModels()
    with fake_library(home, model="other") as library:
        library.index(album / "one")
    with fake_library(home, models) as library:
        library.query("blue")
    assert models.loads == ["fake"]


def test_captions_are_embedded_for_the_second_model_too(
    home: Path, album: Path, tmp_path: Path
) -> None:
    path = tmp_path / "c.csv"
    path.write_text("file,caption\nblue.png,blue sky\n", "utf-8")
    with fake_library(home) as library:
        library.index([], IndexOptions(captions=(path,)))
    with fake_library(home, model="other") as library:
        library.index(album / "one")
        assert library.query_captions("blue")[0].caption.text == "blue sky"


def test_asking_with_a_model_that_was_not_indexed_names_the_way_out(
    home: Path, album: Path
) -> None:
    with (
        fake_library(home, model="other") as library,
        pytest.raises(SpaceMismatchError, match=r"'fake', not 'other'.*index --model other"),
    ):
        library.query("blue")


def test_an_unknown_model_is_refused_and_leaves_no_index(home: Path, photos: Path) -> None:
    with (
        fake_library(home, model="typo") as library,
        pytest.raises(ModelError, match="no model 'typo'"),
    ):
        library.index(photos)
    assert not home.exists()


def test_changed_weights_are_another_space(home: Path, album: Path) -> None:
    """Same name, other weights: refused for asking and indexing, until asked for by name."""
    changed = FakeModels(seeds={"fake": "retrained"})
    with fake_library(home, changed) as library:
        with pytest.raises(SpaceMismatchError, match=r"have changed.*index --model fake"):
            library.query("blue")
        with pytest.raises(SpaceMismatchError, match=r"have changed.*index --model fake"):
            library.index(album / "one")
    with fake_library(home, changed, model="fake") as library:
        with pytest.raises(SpaceMismatchError, match="other weights of 'fake'"):
            library.query("blue")
        assert library.index(album / "one").updated == 5
    with fake_library(home, changed) as library:
        assert library.query("blue", k=1)[0].media.path.name == "blue.png"
        assert [entry.is_default for entry in library.status().spaces] == [False, True]


def test_building_a_second_space_can_be_stopped_and_goes_on(home: Path, album: Path) -> None:
    class Stop(SilentProgress):
        def on_progress(self, done: int, total: int, failed: int) -> None:
            if done:
                raise KeyboardInterrupt

    first, second = FakeModels(), FakeModels()
    with fake_library(home, first, model="other", batch_size=2) as library:
        assert library.index(album / "one", progress=Stop()).interrupted
    with fake_library(home, second, model="other") as library:
        library.index(album / "one")
        assert library.status().spaces[1].n_images == 5
    done = first.encoders["other"].n_images
    assert 0 < done < 5
    assert second.encoders["other"].n_images == 5 - done


def test_a_picture_that_only_one_model_has_is_added_to_the_other(home: Path, album: Path) -> None:
    """New files go to the space of the run; the other one catches up at its next run."""
    with fake_library(home, model="other") as library:
        photo(album / "one/new.png", "green")
        assert library.index(album / "one").added == 1
    with fake_library(home) as library:
        summary = library.index(album / "one")
        assert (summary.updated, summary.unchanged) == (1, 4)
        assert library.query("green", k=1)[0].media.path.name == "new.png"


def test_a_picture_that_went_bad_on_disk_is_not_tried_again_for_the_second_model(
    home: Path, album: Path
) -> None:
    bad_photo(album / "one/bad.png")
    with fake_library(home, model="other") as library:
        assert library.index(album / "one").failed == 1
        assert library.index(album / "one").failed == 1


def test_pictures_of_an_offline_root_wait(home: Path, album: Path) -> None:
    (album / "two").rename(album / "away")
    with fake_library(home, model="other") as library:
        summary = library.index([album / "one", album / "two"])
        assert (summary.updated, summary.failed) == (4, 0)
        (album / "away").rename(album / "two")
        assert library.index([album / "one", album / "two"]).updated == 1


def test_a_moved_picture_whose_place_was_taken_is_embedded_in_the_same_run(
    home: Path, album: Path
) -> None:
    """Its oldest row is at the old place, which has to be read for the picture that is there."""
    (album / "one/0.png").rename(album / "one/moved.png")
    photo(album / "one/0.png", "green", 77)
    with fake_library(home, model="other") as library:
        summary = library.index(album / "one")
        assert (summary.added, summary.updated, summary.unchanged) == (1, 5, 0)
        found = {hit.media.path.name for hit in library.query("red", k=50)}
        assert found == {"moved.png", "0.png", "1.png", "2.png", "3.png", "blue.png"}
        assert library.index(album / "one").unchanged == 5


def test_a_copy_is_embedded_where_the_oldest_file_is_gone(home: Path, album: Path) -> None:
    """The folder of the deleted file is not looked at in that run."""
    (album / "two/copy.png").write_bytes((album / "one/0.png").read_bytes())
    with fake_library(home) as library:
        library.index(album / "two")
    (album / "one/0.png").unlink()
    with fake_library(home, model="other") as library:
        library.index(album / "two")
        assert len(library.query("red", k=50)) == 5
