"""The paths a person names: parts of roots, folders around them, links, odd names, typos."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mmsearch.engine.library import Library
from mmsearch.engine.records import IndexOptions
from mmsearch.errors import QueryError
from tests.fakes import FakeModels, WarningListener
from tests.photos import counts, found, media_id, n_encoded, photo


def test_excluded_and_hidden_files_are_left_out(library: Library, photos: Path) -> None:
    for name in ("a.png", "b.gif.png", "drafts/c.png", ".hidden/d.png", "@eaDir/e.png"):
        photo(photos / name, seed=len(name))
    options = IndexOptions(exclude=("drafts", "*.gif.png"))
    assert counts(library.index(photos, options)) == {"added": 1}
    assert counts(library.index(photos, IndexOptions(include_hidden=True))) == {
        "added": 3,
        "unchanged": 1,
    }


def test_a_file_named_alone_is_indexed_alone(library: Library, photos: Path) -> None:
    path = photo(photos / "x.png", seed=1)
    photo(photos / "y.png", seed=2)
    assert counts(library.index(path)) == {"added": 1}
    assert counts(library.index(path)) == {"unchanged": 1}
    photo(path, seed=3)
    assert counts(library.index(path)) == {"updated": 1}
    assert found(library) == {path}


def test_naming_a_file_or_a_folder_leaves_the_rest_alone(library: Library, photos: Path) -> None:
    """A part of a root is looked at, the rest is not: nothing there counts as gone."""
    for name in ("sub/a.png", "sub2/b.png", "c.png"):
        photo(photos / name, seed=len(name))
    library.index(photos)
    (photos / "sub2/b.png").unlink()
    assert counts(library.index(photos / "sub")) == {"unchanged": 1}
    assert counts(library.index(photos / "c.png")) == {"unchanged": 1}
    assert library.status().n_files == 3
    assert len(library.status().roots) == 1


def test_a_folder_around_a_root_takes_it_over(
    library: Library, photos: Path, models: FakeModels
) -> None:
    """No double rows, nothing embedded again, media ids stay."""
    path = photo(photos / "in/side/x.png", seed=1)
    library.index(photos / "in/side")
    before = media_id(library, path)
    photo(photos / "y.png", seed=2)
    assert counts(library.index(photos)) == {"added": 1, "unchanged": 1}
    assert [root.path for root in library.status().roots] == [photos]
    assert media_id(library, path) == before
    assert n_encoded(models) == 2


def test_paths_that_overlap_are_looked_at_once(library: Library, photos: Path) -> None:
    photo(photos / "sub/x.png")
    summary = library.index([photos / "sub", photos, photos, photos / "sub/x.png"])
    assert counts(summary) == {"added": 1}
    assert library.status().n_files == 1


def test_a_link_to_a_root_is_that_root(library: Library, photos: Path, tmp_path: Path) -> None:
    photo(photos / "x.png")
    library.index(photos)
    link = tmp_path / "link"
    link.symlink_to(photos)
    assert counts(library.index(link)) == {"unchanged": 1}
    assert len(library.status().roots) == 1
    assert len(library.query("red", under=link)) == 1


def test_links_in_a_loop_end_and_double_nothing(library: Library, photos: Path) -> None:
    photo(photos / "a/x.png")
    (photos / "a/loop").symlink_to(photos)
    (photos / "b").symlink_to(photos / "a")
    assert counts(library.index(photos)) == {"added": 1}
    assert counts(library.index(photos)) == {"unchanged": 1}


@pytest.mark.parametrize(
    "name", [b"caf\xe9.png", b"two\nlines.png", "été ☀.png".encode(), b"-x.png"]
)
def test_odd_names_survive(library: Library, photos: Path, name: bytes) -> None:
    """Not UTF-8, a newline, beyond Latin, a leading dash."""
    path = photos / os.fsdecode(name)
    photo(photos / "plain.png").rename(path)
    assert counts(library.index(photos)) == {"added": 1}
    assert counts(library.index(photos)) == {"unchanged": 1}
    assert found(library) == {path}
    assert library.info(path).media is not None


def test_a_file_that_is_no_picture_is_left_out_with_a_word(library: Library, photos: Path) -> None:
    photo(photos / "x.png")
    notes = photos / "notes.txt"
    notes.write_text("not a picture")
    heard = WarningListener()
    assert counts(library.index([notes, photos], progress=heard)) == {"added": 1}
    (warning,) = heard.messages
    assert "notes.txt" in warning


def test_a_path_that_was_never_there_is_refused(library: Library, photos: Path, home: Path) -> None:
    with pytest.raises(QueryError, match="no file or folder at"):
        library.index(photos / "typo")
    assert not home.exists(), "a typing error is not to leave an index behind"
    photo(photos / "x.png")
    library.index(photos)
    with pytest.raises(QueryError, match="no file or folder at"):
        library.index([photos, photos / "typo"])
    with pytest.raises(QueryError, match="name a folder"):
        library.index([])
