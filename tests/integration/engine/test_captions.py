"""Captions: attached by name or path, embedded as a corpus of their own, searched."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mmsearch.engine.library import Library
from mmsearch.engine.progress import SilentProgress
from mmsearch.engine.records import IndexOptions
from mmsearch.errors import CatalogueError, DatasetError
from tests.fakes import FakeModels
from tests.photos import fake_library, photo


def _csv(path: Path, rows: list[tuple[str, str]]) -> IndexOptions:
    lines = ["file,caption", *(f"{file},{caption}" for file, caption in rows)]
    path.write_text("\n".join(lines), "utf-8")
    return IndexOptions(captions=(path,))


@pytest.fixture
def album(photos: Path) -> Path:
    """Three pictures, two of them with the same name in two folders."""
    photo(photos / "one/a.png", "red")
    photo(photos / "two/a.png", "blue")
    photo(photos / "two/b.png", "green")
    return photos


def test_captions_are_attached_and_found(library: Library, album: Path, tmp_path: Path) -> None:
    options = _csv(tmp_path / "c.csv", [("one/a.png", "red car"), ("b.png", "green grass")])
    summary = library.index(album, options)
    assert (summary.captions_added, summary.captions_unmatched) == (2, 0)
    hit = library.query_captions("red", k=1)[0]
    assert (hit.rank, hit.caption.text) == (1, "red car")
    assert hit.caption.media is not None
    assert hit.caption.media.path == album / "one/a.png"
    by_image = library.query_captions(image=album / "two/b.png", k=1)
    assert by_image[0].caption.text == "green grass"
    assert [caption.text for caption in library.info(album / "two/b.png").captions] == [
        "green grass"
    ]


def test_the_same_file_again_adds_nothing(
    library: Library, album: Path, tmp_path: Path, models: FakeModels
) -> None:
    options = _csv(tmp_path / "c.csv", [("b.png", "green grass"), ("b.png", "a lawn")])
    library.index(album, options)
    assert library.index(album, options).captions_added == 0
    assert library.index([], options).captions_added == 0
    assert library.status().n_captions == 2
    assert models.encoders["fake"].n_texts == 2


def test_names_that_fit_several_or_no_pictures_are_counted(
    library: Library, album: Path, tmp_path: Path
) -> None:
    """a.png is in two folders with different pictures; nobody can tell which is meant."""
    rows = [("a.png", "which one"), ("missing.png", "nothing here"), ("b.png", "green")]
    summary = library.index(album, _csv(tmp_path / "c.csv", rows))
    assert (summary.captions_added, summary.captions_unmatched) == (1, 2)


def test_a_name_that_fits_copies_of_one_picture_is_matched(
    library: Library, album: Path, tmp_path: Path
) -> None:
    shutil.copy(album / "two/b.png", album / "one/b.png")
    summary = library.index(album, _csv(tmp_path / "c.csv", [("b.png", "green")]))
    assert (summary.captions_added, summary.captions_unmatched) == (1, 0)


@pytest.mark.parametrize(
    "form", ["two/b.png", "./two/b.png", "two\\b.png", "photos/two/b.png", "{}"]
)
def test_paths_fit_in_several_forms(
    library: Library, album: Path, tmp_path: Path, form: str
) -> None:
    """Relative, with a dot, with backslashes, from further above, absolute."""
    name = form.format(album / "two/b.png")
    assert library.index(album, _csv(tmp_path / "c.csv", [(name, "green")])).captions_added == 1


def test_free_captions_belong_to_no_picture(library: Library, album: Path, tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text(json.dumps({"caption": "blue sky"}) + "\n", "utf-8")
    assert library.index(album, IndexOptions(captions=(path,))).captions_added == 1
    (hit,) = library.query_captions("blue")
    assert (hit.caption.text, hit.caption.media) == ("blue sky", None)


def test_captions_leave_with_their_picture(library: Library, album: Path, tmp_path: Path) -> None:
    library.index(album, _csv(tmp_path / "c.csv", [("b.png", "green"), ("one/a.png", "red")]))
    (album / "two/b.png").unlink()
    library.index(album)
    assert [hit.caption.text for hit in library.query_captions("green")] == ["red"]


def test_captions_stay_with_a_moved_picture(library: Library, album: Path, tmp_path: Path) -> None:
    library.index(album, _csv(tmp_path / "c.csv", [("b.png", "green")]))
    new = (album / "two/b.png").rename(album / "one/moved.png")
    assert library.index(album).moved == 1
    assert [caption.text for caption in library.info(new).captions] == ["green"]


def test_under_limits_captions_to_the_pictures_there(
    library: Library, album: Path, tmp_path: Path
) -> None:
    rows = [("one/a.png", "red"), ("two/a.png", "blue"), ("b.png", "green")]
    library.index(album, _csv(tmp_path / "c.csv", rows))
    found = library.query_captions("red", under=album / "two")
    assert {hit.caption.text for hit in found} == {"blue", "green"}


def test_an_index_without_captions_says_how_to_add_some(library: Library, album: Path) -> None:
    library.index(album)
    with pytest.raises(CatalogueError, match="--captions FILE"):
        library.query_captions("red")


def test_a_missing_caption_file_is_refused_before_anything_is_done(
    library: Library, album: Path, home: Path, tmp_path: Path
) -> None:
    with pytest.raises(DatasetError, match=r"missing\.csv"):
        library.index(album, IndexOptions(captions=(tmp_path / "missing.csv",)))
    assert not home.exists()


def test_captions_stopped_half_way_go_on(home: Path, album: Path, tmp_path: Path) -> None:
    """Ctrl-C between two batches of captions keeps the first; the next run embeds the rest."""
    rows = [("b.png", f"caption {number}") for number in range(600)]
    options = _csv(tmp_path / "c.csv", rows)

    class Stop(SilentProgress):
        def on_captions(self, done: int, total: int) -> None:
            assert total == 600
            if done:
                raise KeyboardInterrupt

    first, second = FakeModels(), FakeModels()
    with fake_library(home, first) as library:
        assert library.index(album, options, Stop()).interrupted
    with fake_library(home, second) as library:
        assert not library.index(album, options).interrupted
        assert library.status().spaces[0].n_captions == 600
    n_first = first.encoders["fake"].n_texts
    assert 0 < n_first < 600
    assert second.encoders["fake"].n_texts == 600 - n_first


def test_rows_that_cannot_be_read_are_mentioned(
    library: Library, album: Path, tmp_path: Path
) -> None:
    messages: list[str] = []

    class Listen(SilentProgress):
        def on_warning(self, message: str) -> None:
            messages.append(message)

    options = _csv(tmp_path / "c.csv", [("b.png", "green"), ("b.png", "")])
    assert library.index(album, options, Listen()).captions_added == 1
    assert len(messages) == 1
    assert "c" in messages[0]
