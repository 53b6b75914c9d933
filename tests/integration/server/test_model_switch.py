"""A running server follows a change of the model that another process makes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mmsearch.client.remote import connect
from mmsearch.engine.library import Library
from tests.fakes import COLOURS
from tests.live_server import LiveServer, live_server
from tests.model_changes import OTHER, index_album, two_models
from tests.photos import fake_library

QUESTIONS = (
    *(f"q={colour}&k=12" for colour in COLOURS),
    *("q=red&target=captions", "like=1&k=12", "q=green&like=2&k=5&offset=3"),
)

Found = tuple[int, list[object]]
"""The generation of an answer, and its hits."""


@pytest.fixture
def changed(tmp_path: Path) -> Iterator[Library]:
    """Another library on the index that is served."""
    with fake_library(tmp_path / "home", two_models()) as library:
        index_album(library, tmp_path / "photos")
        yield library


@pytest.fixture
def server(tmp_path: Path, changed: Library) -> Iterator[LiveServer]:
    """A server over the index."""

    def open_library() -> Library:
        return fake_library(tmp_path / "home", two_models())

    with open_library() as library, live_server(library, open_library, tmp_path) as live:
        yield live


def ask(server: LiveServer, question: str) -> Found:
    answer = server.get(f"/api/v1/search?{question}")
    assert answer.status == 200, answer.text
    shape = answer.json()
    return shape["generation"], shape["hits"]  # type: ignore[return-value]


def all_hits(server: LiveServer) -> list[list[object]]:
    return [ask(server, question)[1] for question in QUESTIONS]


def test_each_answer_is_of_one_model_and_the_next_one_is_of_the_new(
    server: LiveServer, changed: Library
) -> None:
    """Asked by three clients all the time, there and back: one generation is of one model."""
    over = threading.Event()

    def work(number: int) -> list[tuple[int, Found]]:
        asked = []
        while not over.is_set():
            at = (number + len(asked)) % len(QUESTIONS)
            asked.append((at, ask(server, QUESTIONS[at])))
        return asked

    old = all_hits(server)
    with ThreadPoolExecutor(3) as clients:
        working = [clients.submit(work, number) for number in range(3)]
        try:
            changed.migrate(OTHER)
            new = all_hits(server)
            changed.rollback_model()
            assert all_hits(server) == old
        finally:
            over.set()
        asked = [one for done in working for one in done.result()]
    assert sum(one != other for one, other in zip(old, new, strict=True)) > len(QUESTIONS) // 2
    sides: dict[int, set[bool]] = {}
    for at, (generation, hits) in asked:
        assert hits in (old[at], new[at])
        if old[at] != new[at]:
            sides.setdefault(generation, set()).add(hits == old[at])
    assert {len(of_one) for of_one in sides.values()} == {1}
    assert {side for of_one in sides.values() for side in of_one} == {True, False}


def test_the_status_tells_what_can_be_gone_back_to(server: LiveServer, changed: Library) -> None:
    changed.migrate(OTHER)
    status = server.get("/api/v1/status").json()
    assert status["model"] == "other"
    expected = [("fake", False, True), ("other", True, False)]
    spaces: list[dict[str, object]] = status["spaces"]  # type: ignore[assignment]
    assert [(one["name"], one["is_default"], one["is_previous"]) for one in spaces] == expected
    with connect(server.url) as remote:
        told = remote.status().spaces
    assert [(one.space.name, one.is_default, one.is_previous) for one in told] == expected
    changed.drop_space()
    assert server.get("/api/v1/status").json()["spaces"] == [spaces[1]]
