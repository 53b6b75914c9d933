"""What an index says of itself and of one file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mmsearch.engine.library import Library
from mmsearch.engine.records import IndexOptions
from mmsearch.errors import QueryError
from tests.photos import bad_photo, photo


def test_status_counts_all_there_is(
    library: Library, photos: Path, home: Path, tmp_path: Path
) -> None:
    photo(photos / "one/a.png", "red")
    shutil.copy(photos / "one/a.png", photos / "one/copy.png")
    photo(photos / "two/b.png", "blue")
    bad_photo(photos / "two/bad.png")
    captions = tmp_path / "c.csv"
    captions.write_text("file,caption\nb.png,blue sky\n", "utf-8")
    library.index([photos / "one", photos / "two"], IndexOptions(captions=(captions,)))
    status = library.status()
    assert (status.index, status.path) == ("default", home / "indexes/default")
    assert (status.n_files, status.n_contents, status.n_captions, status.n_failed) == (3, 2, 1, 1)
    assert [(root.path, root.online, root.n_files) for root in status.roots] == [
        (photos / "one", True, 2),
        (photos / "two", True, 1),
    ]
    (space,) = status.spaces
    assert (space.space.name, space.is_default) == ("fake", True)
    assert (space.n_images, space.n_captions) == (2, 1)
    on_disk = sum(file.stat().st_size for file in home.rglob("*") if file.is_file())
    assert status.size_bytes == on_disk
    assert status.vectors_size_bytes == space.vectors_size_bytes > 0


def test_a_root_that_is_missing_now_is_offline_without_a_run(
    library: Library, photos: Path
) -> None:
    photo(photos / "a.png")
    library.index(photos)
    photos.rename(photos.parent / "away")
    assert [root.online for root in library.status().roots] == [False]


def test_info_tells_all_of_one_file(library: Library, photos: Path) -> None:
    path = photo(photos / "a.png", "red", size=40)
    copy = Path(shutil.copy(path, photos / "copy.png"))
    library.index(photos)
    info = library.info(str(path))
    assert info.media is not None
    assert (info.path, info.media.path, info.failure) == (path, path, None)
    assert (info.media.metadata.width, info.media.metadata.format) == (40, "PNG")
    assert [record.path for record in info.copies] == [copy]
    assert [space.name for space in info.spaces] == ["fake"]


def test_info_of_an_unknown_file_names_the_way_out(library: Library, photos: Path) -> None:
    photo(photos / "a.png")
    library.index(photos)
    with pytest.raises(QueryError, match="mmsearch index"):
        library.info(photos / "b.png")


def test_removing_a_file_forgets_it_and_leaves_it_on_disk(library: Library, photos: Path) -> None:
    path = photo(photos / "a.png", seed=1)
    photo(photos / "b.png", seed=2)
    library.index(photos)
    assert library.remove(path) == 1
    assert path.is_file()
    assert library.status().n_contents == 1
    assert library.index(photos).added == 1


def test_removing_a_missing_root_forgets_it(library: Library, photos: Path) -> None:
    photo(photos / "a.png")
    library.index(photos)
    shutil.rmtree(photos)
    assert library.remove(photos) == 1
    assert library.status().roots == ()


def test_closing_twice_is_harmless_and_a_closed_library_opens_again(
    library: Library, photos: Path
) -> None:
    photo(photos / "a.png")
    library.index(photos)
    library.close()
    library.close()
    assert len(library.query("red")) == 1
