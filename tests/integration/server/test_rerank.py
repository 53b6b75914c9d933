"""Reranking over HTTP: asked for, bounded, left to the server, and told by `/status`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mmsearch.engine.library import Library
from tests.fakes import FakeRerankers
from tests.integration.server.conftest import Gallery
from tests.live_server import LiveServer, live_server
from tests.photos import fake_library


@pytest.fixture(scope="module")
def library(gallery: Gallery) -> Iterator[Library]:
    """A library on the gallery's index, whose model has a reranker."""
    home = gallery.folder / "home"
    with fake_library(home, gallery.models, rerankers=FakeRerankers()) as library:
        yield library


@pytest.fixture(scope="module")
def reranking(gallery: Gallery, library: Library) -> Iterator[LiveServer]:
    """A server over it."""
    with live_server(library, gallery.open_library, gallery.folder / "reranking") as live:
        yield live


def order(server: LiveServer, query: str) -> list[tuple[int, int | None, bool]]:
    """Media id, dual rank, and whether there is a rerank score, of each hit."""
    answer = server.get(f"/api/v1/search?{query}")
    assert answer.status == 200, answer.text
    return [
        (hit["media_id"], hit["dual_rank"], hit["rerank_score"] is not None)
        for hit in answer.json()["hits"]  # type: ignore[attr-defined]
    ]


def test_the_first_hits_come_in_the_librarys_order(reranking: LiveServer, library: Library) -> None:
    local = library.query("red", k=9, rerank=5)
    found = order(reranking, "q=red&k=9&rerank=5")
    assert found == [
        (hit.media.media_id, hit.dual_rank, hit.rerank_score is not None) for hit in local
    ]
    assert [scored for _, _, scored in found] == [True] * 5 + [False] * 4
    assert reranking.get("/api/v1/search?q=red&rerank=5").json()["reranked"] == 5


def test_nothing_is_reranked_unless_asked_for(reranking: LiveServer) -> None:
    answer = reranking.get("/api/v1/search?q=red").json()
    assert answer["reranked"] == 0
    assert not any(scored for _, _, scored in order(reranking, "q=red"))


def test_auto_reranks_what_can_be(reranking: LiveServer, server: LiveServer) -> None:
    """Words alone where there is a reranker; nothing else, and never an error."""
    assert reranking.get("/api/v1/search?q=red&rerank=auto").json()["reranked"] == 9
    for live, query in (
        (reranking, "q=red&plus=blue&rerank=auto"),
        (reranking, "like=1&rerank=auto"),
        (server, "q=red&rerank=auto"),
    ):
        assert live.get(f"/api/v1/search?{query}").json()["reranked"] == 0


def test_both_forms_say_how_to_rerank(reranking: LiveServer) -> None:
    text = reranking.get("/api/v1/search?q=red&rerank=4&budget_ms=1e4").json()
    assert text["query"]["rerank"] == 4  # type: ignore[index]
    body = reranking.post("/api/v1/search", text["query"]).json()
    assert body["hits"] == text["hits"]
    assert body["query"] == text["query"]


def test_a_budget_of_nothing_leaves_the_order(reranking: LiveServer) -> None:
    plain = [number for number, *_ in order(reranking, "q=blue")]
    bounded = order(reranking, "q=blue&rerank=5&budget_ms=0")
    assert [number for number, *_ in bounded] == plain
    assert not any(scored for _, _, scored in bounded)


def test_pages_of_a_reranked_answer_join(reranking: LiveServer) -> None:
    whole = order(reranking, "q=yellow&k=9&rerank=5&budget_ms=10000")
    paged = [
        hit
        for offset in (0, 4, 8)
        for hit in order(reranking, f"q=yellow&k=4&rerank=5&budget_ms=10000&offset={offset}")
    ]
    assert paged == whole


def test_captions_of_a_picture_are_reranked(reranking: LiveServer) -> None:
    answer = reranking.get("/api/v1/search?like=1&target=captions&rerank=3").json()
    assert answer["reranked"] == 3
    assert [hit["dual_rank"] is None for hit in answer["hits"]] == [False] * 3 + [True] * 6  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "query",
    ["rerank=-1", "rerank=1001", "rerank=some", "rerank=5&budget_ms=-1", "budget_ms=inf"],
)
def test_a_number_that_makes_no_sense_is_refused(query: str, reranking: LiveServer) -> None:
    answer = reranking.get(f"/api/v1/search?q=red&{query}")
    assert answer.status == 422
    assert answer.json()["type"] == "urn:mmsearch:QueryError"


def test_what_cannot_be_reranked_is_refused(reranking: LiveServer, server: LiveServer) -> None:
    for live, query in ((reranking, "like=1&rerank=5"), (server, "q=red&rerank=5")):
        answer = live.get(f"/api/v1/search?{query}")
        assert answer.status == 422
        assert "rerank" in str(answer.json()["detail"])


def test_status_tells_the_reranker(reranking: LiveServer, server: LiveServer) -> None:
    assert reranking.get("/api/v1/status").json()["reranker"] == {
        "name": "fake/reranker",
        "default_depth": 50,
        "measured_lift": 2.0,
    }
    assert server.get("/api/v1/status").json()["reranker"] is None
