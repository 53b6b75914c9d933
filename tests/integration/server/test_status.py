"""What the index holds, how the server is, and forgetting files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes import FakeModels
from tests.integration.server.conftest import Gallery
from tests.live_server import LiveServer, live_server
from tests.photos import fake_library, photo


def test_status_counts_and_names(server: LiveServer, gallery: Gallery) -> None:
    status = server.get("/api/v1/status").json()
    assert status["n_files"] == 10
    assert status["n_contents"] == 9
    assert status["n_failed"] == 1
    assert status["model"] == "fake"
    assert status["reranker"] is None
    assert status["login"] is False
    assert server.get("/api/v1/roots").json() == {"roots": status["roots"]}
    assert status["roots"] == [{"path": str(gallery.photos), "online": True, "n_files": 10}]


def test_failures_have_reasons(server: LiveServer, gallery: Gallery) -> None:
    (failure,) = server.get("/api/v1/failures").json()["failures"]  # type: ignore[misc]
    assert failure["path"] == str(gallery.photos / "bad.jpg")
    assert "not a picture" in failure["reason"]


def test_facets_are_what_there_is_to_filter_by(server: LiveServer, gallery: Gallery) -> None:
    facets = server.get("/api/v1/facets").json()
    assert facets["formats"] == [{"format": "PNG", "n_files": 10}]
    folders = {one["path"]: one["n_files"] for one in facets["folders"]}  # type: ignore[attr-defined]
    assert folders[str(gallery.photos)] == 10
    assert folders[str(gallery.photos / "red")] == 2


def test_a_path_tells_its_picture_or_its_failure(server: LiveServer, gallery: Gallery) -> None:
    known = server.get(f"/api/v1/info?path={gallery.photos}/red/red.png").json()
    assert known["media"]["name"] == "red.png"  # type: ignore[index]
    failed = server.get(f"/api/v1/info?path={gallery.photos}/bad.jpg").json()
    assert failed["media"] is None
    assert failed["failure"]["path"] == str(gallery.photos / "bad.jpg")  # type: ignore[index]
    assert server.get(f"/api/v1/info?path={gallery.photos}/none.png").status == 404


def test_metrics_are_prometheus_text(server: LiveServer) -> None:
    server.get("/api/v1/search?q=red")
    answer = server.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'mmsearch_queries_total{target="images"}' in answer.text
    assert "mmsearch_index_files 10.0" in answer.text
    assert 'route="/search",status="200"' in answer.text


def test_metrics_have_few_labels_whatever_is_asked(server: LiveServer) -> None:
    for number in range(5):
        server.get(f"/nowhere/{number}")
    assert "nowhere" not in server.get("/metrics").text


def test_the_description_is_a_page_too(server: LiveServer) -> None:
    page = server.get("/api/v1/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for part in ("/api/v1/search", "SearchAnswer", "picture_weight", "<table>"):
        assert part in page.text
    assert "<script" not in page.text
    assert server.get("/api/v1/docs.css").headers["content-type"].startswith("text/css")


def test_all_is_well(server: LiveServer) -> None:
    assert server.get("/api/v1/health").json() == {"status": "alive"}
    assert server.get("/api/v1/ready").json() == {"status": "ready"}


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[tuple[LiveServer, Path, FakeModels]]:
    """A server that was started before there was an index."""
    home, models = tmp_path / "home", FakeModels()
    with (
        fake_library(home, models) as library,
        live_server(library, lambda: fake_library(home, models), tmp_path, ready=False) as live,
    ):
        yield live, home, models


def test_a_server_without_an_index_waits_for_one(
    empty: tuple[LiveServer, Path, FakeModels], tmp_path: Path
) -> None:
    server, home, models = empty
    assert server.get("/api/v1/health").status == 200
    unready = server.get("/api/v1/ready")
    assert unready.status == 503
    assert "mmsearch index" in str(unready.json()["detail"])
    asked = server.get("/api/v1/search?q=red")
    assert (asked.status, asked.json()["type"]) == (409, "urn:mmsearch:CatalogueError")
    assert server.get("/metrics").status == 200
    photo(tmp_path / "photos" / "red.png")
    with fake_library(home, models) as other:
        other.index(tmp_path / "photos")
    assert server.get("/api/v1/search?q=red").json()["n_candidates"] == 1
    while server.get("/api/v1/ready").status == 503:
        pass


def test_what_is_forgotten_is_found_no_more(tmp_path: Path) -> None:
    home, models = tmp_path / "home", FakeModels()
    photo(tmp_path / "photos" / "a" / "red.png", "red", 1)
    photo(tmp_path / "photos" / "b" / "blue.png", "blue", 2)
    with (
        fake_library(home, models) as library,
        live_server(library, lambda: fake_library(home, models), tmp_path, ready=False) as server,
    ):
        library.index(tmp_path / "photos")
        gone = server.post("/api/v1/remove", {"path": str(tmp_path / "photos" / "a")})
        assert gone.json() == {"removed": 1}
        found = server.get("/api/v1/search?q=red").json()["hits"]
        assert [hit["name"] for hit in found] == ["blue.png"]  # type: ignore[attr-defined]
        assert (tmp_path / "photos" / "a" / "red.png").exists()
