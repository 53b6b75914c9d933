"""Indexing through the server: started, followed, cancelled; searches see what it commits."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mmsearch.config import load_settings
from mmsearch.engine.factory import open_library
from mmsearch.engine.library import Library
from mmsearch.types import Embeddings, ImageTensor
from tests.fakes import FakeDualEncoder, FakeModels, InlineDecoder
from tests.integration.server.conftest import Gallery
from tests.live_server import LiveServer, live_server
from tests.photos import bad_photo, found, photo

EVENTS_TIMEOUT_S = 60


@dataclass(slots=True)
class WaitingEncoder(FakeDualEncoder):
    """Encodes pictures once it may: a job that a test can look at while it runs."""

    may: threading.Event = field(default_factory=threading.Event)
    begun: threading.Event = field(default_factory=threading.Event)

    def encode_images(self, images: ImageTensor) -> Embeddings:
        """Wait, then encode."""
        self.begun.set()
        assert self.may.wait(EVENTS_TIMEOUT_S)
        return FakeDualEncoder.encode_images(self, images)


@dataclass(slots=True)
class WaitingModels(FakeModels):
    """Models whose encoder waits."""

    encoder: WaitingEncoder = field(default_factory=WaitingEncoder)

    def load(self, name: str) -> FakeDualEncoder:
        """The waiting encoder."""
        return self.encoder


@pytest.fixture
def waiting() -> WaitingModels:
    return WaitingModels()


@pytest.fixture
def open_waiting(gallery: Gallery, waiting: WaitingModels) -> Callable[[], Library]:
    """Opens a library whose indexing waits for the test."""

    def opened() -> Library:
        settings = load_settings(home=gallery.folder / "home", batch_size=1, decode_workers=1)
        return open_library(settings, waiting, InlineDecoder)

    return opened


@pytest.fixture
def slow_server(
    gallery: Gallery,
    waiting: WaitingModels,
    open_waiting: Callable[[], Library],
    tmp_path: Path,
) -> Iterator[LiveServer]:
    """A server whose jobs wait for the test."""
    with (
        gallery.open_library() as library,
        live_server(library, open_waiting, tmp_path) as live,
    ):
        yield live
        waiting.encoder.may.set()


def events(server: LiveServer, job_id: object) -> Iterator[tuple[str, dict[str, object]]]:
    """The events of a job as they come."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=EVENTS_TIMEOUT_S)
    with contextlib.closing(connection):
        connection.request("GET", f"/api/v1/jobs/{job_id}/events")
        answer = connection.getresponse()
        assert answer.getheader("content-type", "").startswith("text/event-stream")
        name = ""
        with answer:
            for line in answer:
                kind, _, value = line.decode().rstrip("\n").partition(": ")
                if kind == "event":
                    name = value
                elif kind == "data":
                    yield name, json.loads(value)


def test_a_job_indexes_what_is_new_and_tells(server: LiveServer, gallery: Gallery) -> None:
    photo(gallery.photos / "new.png", "magenta", 60)
    bad_photo(gallery.photos / "worse.png")
    started = server.post("/api/v1/jobs", {})
    assert started.status == 202
    job_id = started.json()["job_id"]
    seen = list(events(server, job_id))
    assert seen[-1][0] == "done"
    last = seen[-1][1]
    assert last["state"] == "done"
    assert last["summary"]["added"] == 1  # type: ignore[index]
    assert last["summary"]["failed"] == 2  # type: ignore[index]
    assert server.get(f"/api/v1/jobs/{job_id}").json() == last
    assert server.get("/api/v1/jobs").json()["jobs"][0] == last  # type: ignore[index]
    found = server.get("/api/v1/search?q=magenta&k=2").json()["hits"]
    assert "new.png" in {hit["name"] for hit in found}  # type: ignore[attr-defined]


def test_a_job_may_be_about_one_folder(server: LiveServer, gallery: Gallery) -> None:
    photo(gallery.photos / "red" / "inside.png", "red", 61)
    photo(gallery.photos / "beside.png", "red", 62)
    job = server.post("/api/v1/jobs", {"paths": [str(gallery.photos / "red")]}).json()
    last = list(events(server, job["job_id"]))[-1][1]
    assert last["summary"]["added"] == 1  # type: ignore[index]
    (gallery.photos / "beside.png").unlink()


def test_one_job_runs_at_a_time_and_is_cancelled_on_demand(
    slow_server: LiveServer, gallery: Gallery, waiting: WaitingModels
) -> None:
    """What is committed stays; the rest is for the next run."""
    for number in range(6):
        photo(gallery.photos / f"cancel-{number}.png", "cyan", 70 + number)
    job = slow_server.post("/api/v1/jobs").json()
    assert waiting.encoder.begun.wait(EVENTS_TIMEOUT_S)
    assert slow_server.post("/api/v1/jobs").status == 409
    assert slow_server.get("/api/v1/search?q=red&k=1").status == 200
    assert slow_server.get(f"/api/v1/jobs/{job['job_id']}").json()["state"] == "running"
    cancelled = slow_server.ask("DELETE", f"/api/v1/jobs/{job['job_id']}")
    assert (cancelled.status, cancelled.json()["state"]) == (202, "cancelling")
    waiting.encoder.may.set()
    last = list(events(slow_server, job["job_id"]))[-1]
    assert (last[0], last[1]["state"]) == ("done", "cancelled")
    assert last[1]["summary"]["interrupted"] is True  # type: ignore[index]
    assert slow_server.post("/api/v1/jobs").status == 202


def test_a_stop_cancels_the_job_and_ends_its_stream(
    gallery: Gallery,
    waiting: WaitingModels,
    open_waiting: Callable[[], Library],
    tmp_path: Path,
) -> None:
    """Nobody who watches keeps the server from stopping; the index says what was kept."""
    with gallery.open_library() as library:
        library.index(gallery.photos)  # what a job that was cancelled left would come first
    for number in range(3):
        photo(gallery.photos / f"stop-{number}.png", "cyan", 90 + number)
    with gallery.open_library() as library:
        with live_server(library, open_waiting, tmp_path) as server:
            job = server.post("/api/v1/jobs").json()
            assert waiting.encoder.begun.wait(EVENTS_TIMEOUT_S)
            stream = events(server, job["job_id"])
            assert next(stream)[0] == "progress"
            threading.Timer(0.3, waiting.encoder.may.set).start()
        assert all(name == "progress" for name, _ in stream)
        indexed = {path.name for path in found(library, "cyan")}
        assert "stop-0.png" in indexed
        assert "stop-2.png" not in indexed


def test_warnings_are_events(server: LiveServer, gallery: Gallery) -> None:
    notes = gallery.photos / "notes.txt"
    notes.write_text("not a picture", "utf-8")
    job = server.post("/api/v1/jobs", {"paths": [str(notes)]}).json()
    seen = list(events(server, job["job_id"]))
    messages = [data["message"] for name, data in seen if name == "warning"]
    assert messages == [f"{notes} is not a picture file: left out"]
    assert seen[-1][1]["n_warnings"] == 1


def test_an_unknown_job_is_not_found(server: LiveServer) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/events")):
        assert server.ask(method, f"/api/v1/jobs/none{path}").status == 404


def test_a_job_asks_nobody_and_removes_most_of_a_folder_only_if_that_is_allowed(
    server: LiveServer, gallery: Gallery
) -> None:
    folder = gallery.photos / "many"
    paths = [photo(folder / f"{number}.png", "green", 200 + number) for number in range(12)]
    body: dict[str, object] = {"paths": [str(folder)]}

    def run(**more: bool) -> dict[str, object]:
        job = server.post("/api/v1/jobs", {**body, **more}).json()
        seen = list(events(server, job["job_id"]))
        summary = seen[-1][1]["summary"]
        assert isinstance(summary, dict)
        told = [data["message"] for name, data in seen if name == "warning"]
        assert len(told) == len(summary["held_back"])
        return summary

    assert run()["added"] == 12
    for path in paths[:-1]:
        path.unlink()
    held = run()
    assert held["removed"] == 0
    assert held["held_back"] == [{"path": str(folder), "n_gone": 11, "n_known": 12}]
    assert run(recheck=True)["unchanged"] == 1
    assert run(allow_mass_removal=True)["removed"] == 11
