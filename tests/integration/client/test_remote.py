"""A remote library answers what the local one answers, and fails with the same classes."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

import mmsearch
from mmsearch.client import RemoteLibrary
from mmsearch.engine.library import Library
from mmsearch.errors import (
    CatalogueError,
    ConfigError,
    MediaError,
    QueryError,
    RemoteError,
)
from mmsearch.types import Orientation
from tests.fakes import FakeModels
from tests.integration.client.conftest import ODD_NAME
from tests.integration.server.conftest import Gallery
from tests.live_server import live_server
from tests.photos import bad_photo, fake_library, media_id, photo

TOKEN = "a token"  # noqa: S105 - of a test


QUESTIONS: tuple[tuple[str | None, mmsearch.QueryOptions], ...] = (
    ("red", {}),
    ("red", {"k": 3, "offset": 2}),
    ("green", {"plus": ["red:0.5"], "minus": [mmsearch.WeightedTerm("blue", 0.25)]}),
    (None, {"like": 1}),
    ("blue", {"like": 2, "picture_weight": 0.3}),
    (None, {"plus": ["cyan"], "k": 200}),
    ("red", {"k": 500}),
    ("red", {"min_score": 0.5}),
    ("red", {"min_score": float("-inf")}),
    ("red", {"formats": ["png"], "orientation": Orientation.SQUARE}),
    ("red", {"taken_from": date(2000, 1, 1), "taken_to": date(2100, 1, 1)}),
    ("red", {"orientation": "portrait"}),
)


@pytest.mark.parametrize(("text", "options"), QUESTIONS)
def test_answers_are_equal(
    text: str | None,
    options: mmsearch.QueryOptions,
    local: Library,
    remote: RemoteLibrary,
) -> None:
    assert remote.query(text, **options) == local.query(text, **options)
    request = mmsearch.QueryRequest.of(text, options)
    assert remote.answer(request) == local.answer(request)


@pytest.mark.parametrize(("text", "options"), QUESTIONS)
def test_answers_in_captions_are_equal(
    text: str | None,
    options: mmsearch.QueryOptions,
    local: Library,
    remote: RemoteLibrary,
) -> None:
    assert remote.query_captions(text, **options) == local.query_captions(text, **options)
    request = mmsearch.QueryRequest.of(text, options)
    assert remote.answer_captions(request) == local.answer_captions(request)


def test_a_folder_restricts_both_alike(
    local: Library, remote: RemoteLibrary, gallery: Gallery
) -> None:
    below = gallery.photos / "red"
    assert remote.query("red", under=below) == local.query("red", under=below) != []


def test_more_hits_than_a_page_come_page_by_page(
    local: Library, remote: RemoteLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmsearch.client.remote._PAGE", 3)
    assert remote.query("yellow", k=8, offset=1) == local.query("yellow", k=8, offset=1)
    assert remote.query("yellow", k=500) == local.query("yellow", k=500)


def test_a_picture_of_this_machine_is_asked_with(
    local: Library, remote: RemoteLibrary, gallery: Gallery, tmp_path: Path
) -> None:
    own = photo(tmp_path / "mine.png", "green", 55)
    known = gallery.photos / "red" / "red.png"
    for image in (own, known):
        for _ in range(2):
            found = remote.query("white", image=image, k=20)
            assert found == local.query("white", image=image, k=20)
    assert all(hit.media.path.name != "red.png" for hit in remote.query(image=known, k=20))


def test_an_upload_that_the_server_dropped_is_sent_again(
    local: Library, remote: RemoteLibrary, tmp_path: Path
) -> None:
    own = photo(tmp_path / "mine.png", "blue", 56)
    before = remote.query(image=own)
    uploads = remote._uploads
    uploads._ids = dict.fromkeys(uploads._ids, "AAAAAAAAAAAAAAAAAAAAAA")  # type: ignore[assignment]
    assert remote.query(image=own) == before == local.query(image=own)


def test_what_is_known_is_equal(local: Library, remote: RemoteLibrary, gallery: Gallery) -> None:
    for hit in local.query("red", k=50):
        assert remote.media(hit.media.media_id) == local.media(hit.media.media_id)
    for path in (gallery.photos / "red" / "red.png", gallery.photos / "bad.jpg"):
        assert remote.info(path) == local.info(path)
    assert remote.facets() == local.facets()
    assert remote.failures() == local.failures()
    status = local.status()
    sizes = {
        "catalogue_size_bytes": status.catalogue_size_bytes,
        "vectors_size_bytes": status.vectors_size_bytes,
    }
    assert replace(remote.status(), **sizes) == status


def test_a_name_that_is_no_text_comes_byte_for_byte(remote: RemoteLibrary) -> None:
    names = {os.fsencode(hit.media.path.name) for hit in remote.query("red", k=50)}
    assert ODD_NAME in names


def test_pictures_come_as_bytes(local: Library, remote: RemoteLibrary, gallery: Gallery) -> None:
    file = gallery.photos / "blue" / "blue.png"
    number = media_id(local, file)
    assert remote.original(number) == file.read_bytes()
    assert remote.thumbnail(number, 400) == local.thumbnail(number, 320)
    with pytest.raises(QueryError, match="160"):
        remote.thumbnail(number, 100)


def test_errors_are_of_the_same_class(
    local: Library, remote: RemoteLibrary, gallery: Gallery, tmp_path: Path
) -> None:
    both = (local, remote)
    text = bad_photo(tmp_path / "text.png")
    for library in both:
        for ask in (
            lambda library: library.query(),
            lambda library: library.query("  "),
            lambda library: library.query("red", k=0),
            lambda library: library.query("red", minus=["red"]),
            lambda library: library.query(like=4711),
            lambda library: library.query(image=text),
            lambda library: library.query(image=tmp_path / "none.png"),
            lambda library: library.media(4711),
            lambda library: library.info(gallery.photos / "none.png"),
        ):
            with pytest.raises(QueryError):
                ask(library)


def test_the_words_of_an_error_are_the_librarys(
    local: Library, remote: RemoteLibrary, tmp_path: Path
) -> None:
    said = []
    for library in (local, remote):
        with pytest.raises(QueryError) as caught:
            library.query(image=bad_photo(tmp_path / "text.png"))
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_a_file_that_is_gone_is_a_media_error(
    local: Library, remote: RemoteLibrary, gallery: Gallery
) -> None:
    file = photo(gallery.photos / "leaving.png", "cyan", 58)
    local.index(gallery.photos)
    number = media_id(local, file)
    file.unlink()
    for library in (local, remote):
        with pytest.raises(MediaError):
            library.original(number)
        with pytest.raises(MediaError):
            library.thumbnail(number, 320)
    local.index(gallery.photos)


def test_outside_of_the_roots_nothing_is_touched(remote: RemoteLibrary) -> None:
    for refused in (
        lambda: remote.index("/etc"),
        lambda: remote.remove("/"),
        lambda: remote.info("/etc/passwd"),
    ):
        with pytest.raises(RemoteError, match="indexed already"):
            refused()


def test_an_empty_index_is_a_catalogue_error(tmp_path: Path) -> None:
    home, models = tmp_path / "home", FakeModels()
    with (
        fake_library(home, models) as library,
        live_server(library, lambda: fake_library(home, models), tmp_path, ready=False) as server,
        mmsearch.connect(server.url) as remote,
    ):
        for one in (library, remote):
            with pytest.raises(CatalogueError, match="mmsearch index"):
                one.query("red")


def test_the_token_opens(gallery: Gallery, local: Library) -> None:
    with live_server(local, gallery.open_library, gallery.folder, token=TOKEN) as server:
        with mmsearch.connect(server.url, token=TOKEN) as remote:
            assert remote.query("red", k=1) == local.query("red", k=1)
        with mmsearch.connect(server.url) as remote, pytest.raises(RemoteError, match="token"):
            remote.status()
        with mmsearch.connect(server.url, token=TOKEN[:-1]) as remote, pytest.raises(RemoteError):
            remote.status()


def test_a_client_in_a_hurry_is_slowed_down_not_refused(gallery: Gallery, local: Library) -> None:
    """It waits as long as the server says, and asks again."""
    with (
        live_server(local, gallery.open_library, gallery.folder, rate_limit=2.0) as server,
        mmsearch.connect(server.url) as remote,
    ):
        for _ in range(6):
            assert remote.query("red", k=1)


def test_nobody_there_is_told_in_one_line() -> None:
    with (
        mmsearch.connect("http://127.0.0.1:9") as remote,
        pytest.raises(RemoteError, match="cannot be reached"),
    ):
        remote.query("red")


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://x", "http://"])
def test_an_address_that_is_none_is_a_config_error(url: str) -> None:
    with pytest.raises(ConfigError, match="http://HOST:PORT"):
        mmsearch.connect(url)
