"""Questions with a catalogued picture or an uploaded one; what is read of files by id."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from PIL import Image

from mmsearch.config import load_settings
from mmsearch.engine.factory import open_library
from mmsearch.engine.library import Library
from mmsearch.errors import CatalogueError, MediaError, QueryError, SpaceMismatchError
from tests.fakes import FakeModels, InlineDecoder
from tests.photos import bad_photo, fake_library, media_id, photo

COLOURS = ("red", "green", "blue", "yellow")


@pytest.fixture
def album(library: Library, photos: Path) -> Path:
    """One picture of each colour, and a copy of the red one."""
    for colour in COLOURS:
        photo(photos / f"{colour}.png", colour)
    shutil.copy(photos / "red.png", photos / "red copy.png")
    library.index(photos)
    return photos


def stems(library: Library, *args: object, **options: object) -> list[str]:
    return [hit.media.path.stem for hit in library.query(*args, **options)]  # type: ignore[arg-type]


def test_like_finds_others_than_the_picture_and_its_copies(library: Library, album: Path) -> None:
    found = stems(library, like=media_id(library, album / "red.png"), k=10)
    assert set(found) == {"green", "blue", "yellow"}
    assert found == stems(library, like=media_id(library, album / "red copy.png"), k=10)
    assert found == stems(library, image=album / "red.png", k=10)


def test_like_needs_no_encoder(home: Path, library: Library, album: Path) -> None:
    fresh = FakeModels()
    with fake_library(home, fresh) as other:
        other.query(like=media_id(other, album / "red.png"))
    assert fresh.loads == []


def test_like_goes_with_words_and_weights(library: Library, album: Path) -> None:
    red = media_id(library, album / "red.png")
    assert stems(library, "green", like=red, minus=["blue"], k=1) == ["yellow"]
    assert stems(library, "blue", like=red, picture_weight=0.01, k=1) == ["blue"]


def test_an_unknown_media_id_is_refused(library: Library, album: Path) -> None:
    for ask in (
        lambda: library.query(like=10**9),
        lambda: library.media(10**9),
        lambda: library.original(10**9),
        lambda: library.thumbnail(10**9, 64),
    ):
        with pytest.raises(QueryError, match="media id 1000000000"):
            ask()


def test_a_picture_without_an_embedding_of_this_model_is_refused(
    home: Path, library: Library, album: Path
) -> None:
    with fake_library(home, model="other") as other:
        other.index(album)
        library.index(photo(album / "later.png", "cyan", 2))
        later = media_id(other, album / "later.png")
        with pytest.raises(QueryError, match="no embedding of model 'other'"):
            other.query(like=later)


def test_a_prepared_picture_asks_as_its_file_does(
    library: Library, album: Path, tmp_path: Path, models: FakeModels
) -> None:
    outside = photo(tmp_path / "new.png", "cyan", seed=3)
    prepared = library.prepare_picture(outside.read_bytes())
    before = models.encoders["fake"].n_images
    assert library.query(image=prepared) == library.query(image=outside)
    assert library.query("red", image=prepared, minus=["blue"], k=2, offset=1)
    assert models.encoders["fake"].n_images == before + 1  # the file's; a prepared one is kept


def test_a_prepared_picture_that_is_catalogued_is_not_found_by_itself(
    library: Library, album: Path, models: FakeModels
) -> None:
    before = models.encoders["fake"].n_images
    prepared = library.prepare_picture((album / "red.png").read_bytes())
    assert models.encoders["fake"].n_images == before
    assert set(stems(library, image=prepared)) == {"green", "blue", "yellow"}


def test_a_picture_prepared_with_another_model_is_refused(
    home: Path, library: Library, album: Path, tmp_path: Path
) -> None:
    outside = photo(tmp_path / "new.png", "cyan", seed=3).read_bytes()
    with fake_library(home, model="other") as other:
        other.index(album)
        prepared = other.prepare_picture(outside)
    with pytest.raises(SpaceMismatchError, match="prepare it again"):
        library.query(image=prepared)


def test_bytes_that_are_no_picture_cannot_be_prepared(library: Library, album: Path) -> None:
    with pytest.raises(MediaError, match="not a picture"):
        library.prepare_picture(b"<svg onload=alert(1)>")


def test_media_tells_what_info_tells(library: Library, album: Path) -> None:
    info = library.media(media_id(library, album / "red.png"))
    assert info == library.info(album / "red.png")
    assert (info.root, [copy.path.name for copy in info.copies]) == (album, ["red copy.png"])


@pytest.mark.parametrize("picture_workers", [0, 1])
def test_thumbnails_are_upright_jpegs(
    home: Path, library: Library, album: Path, picture_workers: int
) -> None:
    settings = load_settings(home=home)
    serving = open_library(settings, FakeModels(), InlineDecoder, picture_workers)
    with serving:
        thumbnail = serving.thumbnail(media_id(serving, album / "red.png"), 12)
        with Image.open(io.BytesIO(thumbnail)) as image:
            assert (image.format, image.size) == ("JPEG", (12, 12))
        uploaded = serving.prepare_picture(photo(album / "x.png", "cyan", 9).read_bytes())
        assert len(serving.query(image=uploaded)) == len(COLOURS)
        bad = bad_photo(album / "green.png")
        with pytest.raises(MediaError, match="not a picture"):
            serving.thumbnail(media_id(serving, bad), 12)


def test_originals_are_real_paths(library: Library, album: Path) -> None:
    assert library.original(media_id(library, album / "red.png")) == album / "red.png"


def test_what_is_gone_or_offline_has_no_original(library: Library, album: Path) -> None:
    red, blue = (media_id(library, album / f"{name}.png") for name in ("red", "blue"))
    (album / "red.png").unlink()
    with pytest.raises(MediaError, match="is gone"):
        library.original(red)
    (album / "blue.png").unlink()
    (album / "blue.png").mkdir()
    with pytest.raises(MediaError, match="no file any more"):
        library.original(blue)
    album.rename(album.with_name("elsewhere"))
    with pytest.raises(MediaError, match="offline"):
        library.original(blue)


def test_a_link_out_of_the_indexed_folders_is_not_followed(
    library: Library, album: Path, tmp_path: Path
) -> None:
    """A file that is replaced by a link to a secret after it was indexed, and a linked folder."""
    secret = photo(tmp_path / "private/secret.png", "cyan", 4)
    red = media_id(library, album / "red.png")
    (album / "red.png").unlink()
    (album / "red.png").symlink_to(secret)
    for read in (library.original, lambda item: library.thumbnail(item, 64)):
        with pytest.raises(MediaError, match="link out of the indexed folders"):
            read(red)
    blue = media_id(library, album / "blue.png")
    (album / "red.png").unlink()
    (album / "red.png").symlink_to(album / "blue.png")
    assert library.original(red) == library.original(blue) == album / "blue.png"


def test_a_link_into_another_indexed_folder_is_followed(
    library: Library, album: Path, tmp_path: Path
) -> None:
    other = photo(tmp_path / "other/far.png", "cyan", 4)
    (album / "linked").symlink_to(other.parent)
    library.index(album)
    (hit,) = library.query("cyan", k=1)
    assert hit.media.path == album / "linked/far.png"
    linked = hit.media.media_id
    with pytest.raises(MediaError, match="link out of the indexed folders"):
        library.original(linked)
    library.index(other.parent)
    assert library.original(linked) == other


def test_nothing_of_this_makes_an_index(library: Library, home: Path) -> None:
    for ask in (
        library.facets,
        lambda: library.media(1),
        lambda: library.original(1),
        lambda: library.thumbnail(1, 64),
        lambda: library.prepare_picture(b""),
    ):
        with pytest.raises(CatalogueError, match="mmsearch index PATH"):
            ask()
    assert not home.exists()
