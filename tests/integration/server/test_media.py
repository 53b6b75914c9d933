"""Metadata, thumbnails and originals: right bytes, cheap when nothing changed."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from mmsearch.errors import MediaError
from tests.integration.server.conftest import Gallery
from tests.live_server import LiveServer
from tests.photos import media_id


@pytest.fixture(scope="module")
def red(gallery: Gallery) -> int:
    with gallery.open_library() as library:
        return media_id(library, gallery.photos / "red" / "red.png")


@pytest.fixture(scope="module")
def tall(gallery: Gallery) -> int:
    """A picture of 600 x 300 stored pixels that its orientation tag turns upright."""
    file = gallery.photos / "turned.jpg"
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (600, 300), "teal").save(file, "JPEG", exif=exif)
    with gallery.open_library() as library:
        library.index(gallery.photos)
        return media_id(library, file)


def test_metadata_names_captions_copies_and_the_folder(
    server: LiveServer, gallery: Gallery, red: int
) -> None:
    known = server.get(f"/api/v1/media/{red}").json()
    assert known["name"] == "red.png"
    assert [caption["text"] for caption in known["captions"]] == ["red"]  # type: ignore[attr-defined]
    assert [copy["name"] for copy in known["copies"]] == ["copy.png"]  # type: ignore[attr-defined]
    assert known["folder"] == str(gallery.photos / "red")
    assert known["root"] == str(gallery.photos)
    assert known["relative"] == "red/red.png"


def test_an_unknown_picture_is_not_found(server: LiveServer) -> None:
    answer = server.get("/api/v1/media/4711")
    assert (answer.status, answer.json()["type"]) == (404, "urn:mmsearch:QueryError")


@pytest.mark.parametrize("size", [160, 320])
def test_a_thumbnail_is_upright_and_fits(server: LiveServer, tall: int, size: int) -> None:
    answer = server.get(f"/api/v1/media/{tall}/thumbnail?size={size}")
    assert answer.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(answer.body)).size == (size // 2, size)


def test_a_small_picture_is_not_enlarged(server: LiveServer, red: int) -> None:
    answer = server.get(f"/api/v1/media/{red}/thumbnail?size=1280")
    assert Image.open(io.BytesIO(answer.body)).size == (24, 24)


def test_a_thumbnail_that_one_has_is_not_sent_again(server: LiveServer, red: int) -> None:
    first = server.get(f"/api/v1/media/{red}/thumbnail")
    again = server.get(f"/api/v1/media/{red}/thumbnail", {"If-None-Match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


def test_only_a_versioned_thumbnail_is_kept_for_ever(server: LiveServer, red: int) -> None:
    known = server.get(f"/api/v1/media/{red}").json()
    versioned = server.get(str(known["thumbnail"]))
    assert "immutable" in versioned.headers["cache-control"]
    stale = server.get(f"/api/v1/media/{red}/thumbnail?v=00000000")
    assert "immutable" not in stale.headers["cache-control"]


def test_a_thumbnail_is_made_once(
    server: LiveServer, gallery: Gallery, tall: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one comes from the disk: the file may even be gone."""
    first = server.get(f"/api/v1/media/{tall}/thumbnail?size=640")
    cached = list((server.folder / "cache" / "thumbnails").rglob("*-640.jpg"))
    assert [file.read_bytes() for file in cached] == [first.body]
    hidden = (gallery.photos / "turned.jpg").rename(gallery.folder / "hidden.jpg")
    try:
        assert server.get(f"/api/v1/media/{tall}/thumbnail?size=640").body == first.body
        assert server.get(f"/api/v1/media/{tall}/thumbnail?size=1280").status == 404
    finally:
        hidden.rename(gallery.photos / "turned.jpg")


def test_a_file_that_changed_since_leaves_nothing_in_the_cache(
    server: LiveServer, gallery: Gallery
) -> None:
    """Its thumbnail would stay under the digest of the old bytes."""
    file = gallery.photos / "changing.png"
    Image.new("RGB", (40, 40), "navy").save(file)
    with gallery.open_library() as library:
        library.index(gallery.photos)
        number = media_id(library, file)
    digest = str(server.get(f"/api/v1/media/{number}").json()["digest"])
    Image.new("RGB", (50, 50), "gold").save(file)
    assert server.get(f"/api/v1/media/{number}/thumbnail").status == 200
    cache = server.folder / "cache" / "thumbnails" / digest[:2]
    assert not list(cache.glob(f"{digest[2:34]}*"))


def test_an_original_is_the_file_itself(server: LiveServer, gallery: Gallery, red: int) -> None:
    answer = server.get(f"/api/v1/media/{red}/original")
    assert answer.body == (gallery.photos / "red" / "red.png").read_bytes()
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"].startswith("inline;")
    assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("asked", "part"),
    [("bytes=0-9", slice(0, 10)), ("bytes=100-", slice(100, None)), ("bytes=-7", slice(-7, None))],
)
def test_a_range_is_that_part(
    asked: str, part: slice, server: LiveServer, gallery: Gallery, red: int
) -> None:
    whole = (gallery.photos / "red" / "red.png").read_bytes()
    answer = server.get(f"/api/v1/media/{red}/original", {"Range": asked})
    assert answer.status == 206
    assert answer.body == whole[part]
    start = whole.index(answer.body) if asked != "bytes=0-9" else 0
    end = start + len(answer.body) - 1
    assert answer.headers["content-range"] == f"bytes {start}-{end}/{len(whole)}"


def test_a_range_of_an_older_file_gets_the_whole(server: LiveServer, red: int) -> None:
    headers = {"Range": "bytes=0-9", "If-Range": '"something-else"'}
    assert server.get(f"/api/v1/media/{red}/original", headers).status == 200


def test_an_original_that_one_has_is_not_sent_again(server: LiveServer, red: int) -> None:
    etag = server.get(f"/api/v1/media/{red}/original").headers["etag"]
    headers = {"If-None-Match": f'"x", {etag}'}
    assert server.get(f"/api/v1/media/{red}/original", headers).status == 304


def test_the_head_alone_has_the_headers(server: LiveServer, gallery: Gallery, red: int) -> None:
    answer = server.ask("HEAD", f"/api/v1/media/{red}/original")
    size = (gallery.photos / "red" / "red.png").stat().st_size
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, str(size), b"")


def test_a_large_original_arrives_whole(server: LiveServer, gallery: Gallery) -> None:
    """More than one chunk: a bitmap of 1.5 MB."""
    file = gallery.photos / "large.bmp"
    Image.effect_noise((1200, 1200), 80).save(file)
    with gallery.open_library() as library:
        library.index(gallery.photos)
        number = media_id(library, file)
    answer = server.get(f"/api/v1/media/{number}/original")
    assert answer.body == file.read_bytes()
    assert answer.headers["content-type"] == "image/bmp"


def test_a_plain_folder_is_no_original(tmp_path: Path) -> None:
    from mmsearch.server.originals import open_original

    with pytest.raises(MediaError):
        open_original(tmp_path)
    with pytest.raises(MediaError, match="no such file"):
        open_original(tmp_path / "none")
