"""A remote library reranks as the local one does, unless told otherwise alike."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import mmsearch
from mmsearch.client import RemoteLibrary
from mmsearch.engine.library import Library
from mmsearch.errors import QueryError
from tests.fakes import FakeRerankers
from tests.integration.server.conftest import Gallery, make_gallery
from tests.live_server import live_server
from tests.photos import fake_library


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    return make_gallery(tmp_path_factory.mktemp("gallery"))


@pytest.fixture(scope="module")
def local(gallery: Gallery) -> Iterator[Library]:
    home = gallery.folder / "home"
    with fake_library(home, gallery.models, rerankers=FakeRerankers()) as library:
        yield library


@pytest.fixture(scope="module")
def remote(gallery: Gallery, local: Library) -> Iterator[RemoteLibrary]:
    with (
        live_server(local, gallery.open_library, gallery.folder) as server,
        mmsearch.connect(server.url) as library,
    ):
        yield library


QUESTIONS: tuple[tuple[str | None, mmsearch.QueryOptions], ...] = (
    ("red", {}),
    ("red", {"rerank": 0}),
    ("red", {"rerank": 4}),
    ("blue", {"rerank": 5, "budget_ms": 0.0}),
    ("yellow", {"rerank": 5, "k": 4, "offset": 2}),
    ("red", {"plus": ["blue"]}),
    (None, {"like": 1}),
)


@pytest.mark.parametrize(("text", "options"), QUESTIONS)
def test_answers_are_equal(
    text: str | None, options: mmsearch.QueryOptions, local: Library, remote: RemoteLibrary
) -> None:
    request = mmsearch.QueryRequest.of(text, options)
    assert remote.answer(request) == local.answer(request)


def test_words_are_reranked_by_default(remote: RemoteLibrary) -> None:
    assert all(hit.rerank_score is not None for hit in remote.query("red"))
    assert all(hit.rerank_score is None for hit in remote.query("red", rerank=0))


def test_answers_in_captions_are_equal(local: Library, remote: RemoteLibrary) -> None:
    for options in ({"like": 1}, {"like": 1, "rerank": 3}, {"like": 1, "rerank": 0}):
        request = mmsearch.QueryRequest.of(None, mmsearch.QueryOptions(**options))  # type: ignore[typeddict-item]
        assert remote.answer_captions(request) == local.answer_captions(request)
    assert local.query_captions(like=1)[0].rerank_score is not None


def test_pages_of_the_wire_join_in_the_reranked_order(
    local: Library, remote: RemoteLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmsearch.client.remote._PAGE", 3)
    for depth in (2, 5, 50):
        request = mmsearch.QueryRequest.of("cyan", {"rerank": depth, "k": 9})
        assert remote.answer(request) == local.answer(request)


def test_what_cannot_be_reranked_is_refused_alike(local: Library, remote: RemoteLibrary) -> None:
    for library in (local, remote):
        with pytest.raises(QueryError, match="reranked"):
            library.query(like=1, rerank=5)
        with pytest.raises(QueryError, match="rerank"):
            library.query("red", rerank=-1)


def test_the_reranker_is_told_alike(local: Library, remote: RemoteLibrary) -> None:
    known = local.reranker()
    assert known == remote.reranker() == mmsearch.RerankerStatus("fake/reranker", 50, 2.0)
