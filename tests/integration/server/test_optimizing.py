"""Optimizing through the server: a job like any other, beside searches, of which they profit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import mmsearch
from mmsearch.engine.upkeep import optimizing
from tests.fakes import FakeModels
from tests.integration.server.conftest import Gallery
from tests.large_index import LEAST_WITH_LISTS, lowered_thresholds
from tests.live_server import LiveServer, live_server
from tests.photos import photo

PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Gate:
    """Stands before each vector file that is optimized, until it may be."""

    may: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch, server: LiveServer) -> Iterator[Gate]:
    gate, optimize = Gate(), optimizing.optimize_vectors

    def wait(*arguments: object) -> bool:
        gate.begun.set()
        assert gate.may.wait(PATIENCE_S)
        return optimize(*arguments)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(optimizing, "optimize_vectors", wait)
    yield gate
    gate.may.set()


@pytest.fixture
def large(tmp_path: Path) -> Iterator[Gallery]:
    """A gallery large enough for lists, two pictures of which came since these were made."""
    gallery = Gallery(tmp_path, FakeModels())
    for number in range(2 * LEAST_WITH_LISTS):
        photo(gallery.photos / f"{number}.png", "red" if number % 2 else "blue", number)
    with lowered_thresholds(), gallery.open_library() as library:
        library.index(gallery.photos)
        for number in range(2):
            photo(gallery.photos / f"new-{number}.png", "green", 90 + number)
        library.index(gallery.photos)
        yield gallery


@pytest.fixture
def server(large: Gallery) -> Iterator[LiveServer]:
    with (
        large.open_library() as library,
        live_server(library, large.open_library, large.folder) as live,
    ):
        yield live


def files_of(server: LiveServer) -> tuple[int, int]:
    """How many embeddings of pictures there are, and how many lie beside the file."""
    status = server.get("/api/v1/status").json()
    images = status["spaces"][0]["vectors"][0]  # type: ignore[index]
    return images["n_rows"], images["n_recent"]


def green(server: LiveServer) -> list[dict[str, object]]:
    """The best hits for green, which lists found."""
    answer = server.get("/api/v1/search?q=green&k=2").json()
    assert answer["exact"] is False
    hits: list[dict[str, object]] = answer["hits"]  # type: ignore[assignment]  # a list
    return hits


def test_searches_go_on_beside_the_job_and_then_use_the_new_file(
    server: LiveServer, gate: Gate
) -> None:
    before = green(server)
    assert {hit["name"] for hit in before} == {"new-0.png", "new-1.png"}
    assert files_of(server) == (26, 2)
    started = server.post("/api/v1/optimize")
    job = started.json()
    assert (started.status, job["task"], job["state"]) == (202, "optimize", "running")
    assert gate.begun.wait(PATIENCE_S)
    assert green(server) == before
    assert server.post("/api/v1/jobs").status == server.post("/api/v1/optimize").status == 409
    gate.may.set()
    last = ended(server, job["job_id"])
    assert (last["state"], last["stage"], last["total"]) == ("done", "optimize", 1)
    [file] = last["optimized"]["rebuilt"]  # type: ignore[index]
    assert Path(file).is_file()
    assert files_of(server) == (26, 0)
    assert green(server) == before
    with mmsearch.connect(server.url) as remote:
        assert remote.optimize().rebuilt == ()


def test_a_cancelled_job_stops_before_the_next_file(
    large: Gallery, server: LiveServer, gate: Gate
) -> None:
    table = large.folder / "captions.csv"
    table.write_text("file,caption\n0.png,a blue thing\n", "utf-8")
    with large.open_library() as library:
        library.index(large.photos, mmsearch.IndexOptions(captions=(table,)))
    job = server.post("/api/v1/optimize").json()
    assert gate.begun.wait(PATIENCE_S)
    assert server.ask("DELETE", f"/api/v1/jobs/{job['job_id']}").json()["state"] == "cancelling"
    gate.may.set()
    last = ended(server, job["job_id"])
    assert (last["state"], last["done"], last["total"]) == ("cancelled", 1, 2)
    assert last["optimized"] is None
    assert files_of(server) == (26, 0)  # what was begun is kept


def ended(server: LiveServer, job_id: object) -> dict[str, object]:
    """The job once it is over: its stream of events ends then."""
    server.get(f"/api/v1/jobs/{job_id}/events")
    return server.get(f"/api/v1/jobs/{job_id}").json()
