"""The page's files, and the way in where there is a token."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from mmsearch.server.auth import COOKIE
from tests.integration.server.conftest import Gallery
from tests.live_server import LiveServer, Response, live_server

TOKEN = "a token & more"  # noqa: S105 - of a test
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def guarded(gallery: Gallery) -> Iterator[LiveServer]:
    """A server with a token."""
    with (
        gallery.open_library() as library,
        live_server(library, gallery.open_library, gallery.folder, token=TOKEN) as live,
    ):
        yield live


def log_in(server: LiveServer, token: str = TOKEN, target: str = "/") -> Response:
    return server.ask("POST", "/login", urlencode({"token": token, "next": target}), FORM)


def session(answer: Response) -> dict[str, str]:
    """The Cookie header that a browser would send from now on."""
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


def test_the_page_and_its_files_are_served(server: LiveServer) -> None:
    page = server.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    same = server.get("/static/index.html", {"If-None-Match": page.headers["etag"]})
    assert same.status == 304
    assert server.get("/static/none.css").status == 404


def test_a_file_is_sent_packed_where_the_client_takes_that(server: LiveServer) -> None:
    plain = server.get("/static/app.js")
    packed = server.get("/static/app.js", {"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 2
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    tag = packed.headers["etag"]
    assert tag != plain.headers["etag"]
    accepted = {"Accept-Encoding": "gzip", "If-None-Match": tag}
    assert server.get("/static/app.js", accepted).status == 304
    assert server.get("/static/app.js", {"If-None-Match": tag}).status == 200


def test_without_a_token_there_is_no_login(server: LiveServer) -> None:
    assert server.get("/login?next=/x").headers["location"] == "/x"


def test_the_page_sends_to_the_login_and_back(guarded: LiveServer) -> None:
    sent = guarded.get("/?q=red&k=5")
    assert sent.status == 303
    assert sent.headers["location"] == "/login?next=%2F%3Fq%3Dred%26k%3D5"
    back = log_in(guarded, target="/?q=red&k=5")
    assert (back.status, back.headers["location"]) == (303, "/?q=red&k=5")
    cookie = back.headers["set-cookie"]
    for part in (f"{COOKIE}=", "HttpOnly", "SameSite=strict", "Path=/"):
        assert part in cookie
    assert TOKEN not in cookie
    assert guarded.get("/", session(back)).status == 200
    assert guarded.get("/api/v1/search?q=red", session(back)).status == 200


def test_a_link_from_elsewhere_gets_the_page_which_then_logs_in(guarded: LiveServer) -> None:
    """A strict cookie does not come along; the page itself holds nothing."""
    assert guarded.get("/?q=red", {"Sec-Fetch-Site": "cross-site"}).status == 200


def test_a_wrong_token_is_told_on_the_login_page(guarded: LiveServer) -> None:
    answer = log_in(guarded, "wrong", "/?q=red")
    assert answer.headers["location"] == "/login?failed=1&next=%2F%3Fq%3Dred"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "/\r\nX: y", "", "x"]
)
def test_the_login_leads_nowhere_else(target: str, guarded: LiveServer) -> None:
    assert log_in(guarded, target=target).headers["location"] == "/"


def test_whoever_logs_out_is_out(guarded: LiveServer) -> None:
    cookie = session(log_in(guarded))
    assert guarded.get("/api/v1/status", cookie).status == 200
    left = guarded.ask("POST", "/logout", b"", cookie)
    assert left.headers["location"] == "/login"
    assert guarded.get("/api/v1/status", cookie).status == 401


def test_programs_show_the_token_in_a_header(guarded: LiveServer) -> None:
    status = guarded.get("/api/v1/status", {"Authorization": f"Bearer {TOKEN}"})
    assert status.json()["login"] is True
    refused = guarded.get("/api/v1/status")
    assert refused.headers["www-authenticate"].startswith("Bearer")


def test_health_needs_no_token(guarded: LiveServer) -> None:
    assert guarded.get("/api/v1/health").status == 200
    assert guarded.get("/api/v1/ready").status == 200
    assert guarded.get("/static/index.html").status == 200


def test_the_description_names_the_ways_in(guarded: LiveServer) -> None:
    schema = guarded.get("/api/v1/openapi.json", {"Authorization": f"Bearer {TOKEN}"}).json()
    assert schema["security"] == [{"token": []}, {"session": []}]


def test_a_form_of_another_kind_is_refused(guarded: LiveServer) -> None:
    assert guarded.ask("POST", "/login", b"{}", {"Content-Type": "application/json"}).status == 415
