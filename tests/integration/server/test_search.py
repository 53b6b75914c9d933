"""`/search` answers what the library answers, in pages that join, in both forms."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.server.conftest import Gallery
from tests.live_server import LiveServer, Response
from tests.photos import media_id

UPLOAD = {"Content-Type": "image/png"}


def hits(answer: Response) -> list[dict[str, Any]]:
    assert answer.status == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["hits"]  # type: ignore[assignment]
    return found


def names(answer: Response) -> list[str]:
    return [hit["name"] for hit in hits(answer)]


def test_a_text_finds_what_the_library_finds(server: LiveServer, gallery: Gallery) -> None:
    with gallery.open_library() as library:
        local = library.query("red", k=5)
    remote = hits(server.get("/api/v1/search?q=red&k=5"))
    assert [hit["media_id"] for hit in remote] == [hit.media.media_id for hit in local]
    assert [hit["score"] for hit in remote] == pytest.approx([hit.score for hit in local])
    assert [hit["rank"] for hit in remote] == [1, 2, 3, 4, 5]


def test_both_forms_of_a_question_are_one(server: LiveServer) -> None:
    text = server.get(
        "/api/v1/search?q=red&plus=green:0.5&minus=blue&k=4&offset=1&format=png"
        "&orientation=square&taken_from=2000-01-01&min_score=-0.9"
    )
    body = server.post(
        "/api/v1/search",
        {
            "text": "red",
            "plus": [{"text": "green", "weight": 0.5}],
            "minus": ["blue"],
            "k": 4,
            "offset": 1,
            "min_score": -0.9,
            "filters": {
                "formats": ["png"],
                "orientation": "square",
                "taken_from": "2000-01-01",
            },
        },
    )
    first, second = text.json(), body.json()
    for one in (first, second):
        one.pop("took_ms")
    assert first == second
    assert hits(text)[0]["rank"] == 2


def test_the_echo_is_a_question_that_can_be_asked(server: LiveServer) -> None:
    first = server.get("/api/v1/search?q=red&plus=green:0.5&k=3").json()
    again = server.post("/api/v1/search", {**first["query"], "k": 3}).json()  # type: ignore[dict-item]
    assert again["hits"] == first["hits"]


def test_pages_join_without_gap_or_overlap(server: LiveServer) -> None:
    whole = names(server.get("/api/v1/search?q=yellow&k=50"))
    paged: list[str] = []
    offset: object = 0
    while offset is not None:
        page = server.get(f"/api/v1/search?q=yellow&k=4&offset={offset}")
        paged += names(page)
        offset = page.json()["next_offset"]
    assert paged == whole
    assert len(whole) == 9  # 8 colours, one more red; the copy is no picture of its own


def test_more_like_a_picture_leaves_it_and_its_copies_out(
    server: LiveServer, gallery: Gallery
) -> None:
    with gallery.open_library() as library:
        number = media_id(library, gallery.photos / "red" / "red.png")
    found = names(server.get(f"/api/v1/search?like={number}&k=50"))
    assert not {"red.png", "copy.png"} & set(found)
    assert found[0].startswith("<img")


def test_an_uploaded_picture_is_asked_with_and_left_out(
    server: LiveServer, gallery: Gallery
) -> None:
    data = (gallery.photos / "red" / "red.png").read_bytes()
    sent = server.ask("POST", "/api/v1/uploads", data, UPLOAD)
    assert sent.status == 201
    upload = sent.json()["upload_id"]
    for _ in range(2):
        found = names(server.get(f"/api/v1/search?upload={upload}&k=3"))
        assert found[0].startswith("<img")
    both = names(server.get(f"/api/v1/search?upload={upload}&q=blue&picture_weight=0.1&k=1"))
    assert both == ["blue.png"]


def test_an_upload_leaves_no_file(server: LiveServer, gallery: Gallery) -> None:
    before = {path for path in gallery.folder.rglob("*") if "indexes" not in path.parts}
    data = (gallery.photos / "blue" / "blue.png").read_bytes()
    assert server.ask("POST", "/api/v1/uploads", data, UPLOAD).status == 201
    after = {path for path in gallery.folder.rglob("*") if "indexes" not in path.parts}
    assert after == before


def test_two_pictures_cannot_be_asked_with(server: LiveServer) -> None:
    answer = server.get("/api/v1/search?like=1&upload=AAAA")
    assert answer.status == 422
    assert answer.json()["type"] == "urn:mmsearch:QueryError"


def test_captions_are_found_with_their_pictures(server: LiveServer) -> None:
    (best,) = hits(server.get("/api/v1/search?q=cyan&target=captions&k=1"))
    assert best["caption"] == "cyan"
    assert best["media"]["name"] == "cyan.png"


def test_filters_restrict(server: LiveServer, gallery: Gallery) -> None:
    below = server.get(f"/api/v1/search?q=red&under={gallery.photos}/blue")
    assert names(below) == ["blue.png"]
    assert below.json()["n_candidates"] == 1
    assert names(server.get("/api/v1/search?q=red&orientation=portrait")) == []
    assert names(server.get("/api/v1/search?q=red&taken_to=1990-01-01")) == []


@pytest.mark.parametrize(
    "query",
    ["", "q=", "q=%20", "minus=red", "q=red&k=0", "q=red&taken_from=1"],
)
def test_what_cannot_be_asked_is_a_query_error(query: str, server: LiveServer) -> None:
    answer = server.get(f"/api/v1/search?{query}")
    assert answer.status == 422
    assert answer.json()["type"] == "urn:mmsearch:QueryError"
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_unknown_picture_is_told(server: LiveServer) -> None:
    assert server.get("/api/v1/search?like=999").status in (404, 422)
