"""Hostile requests are refused cleanly: the right status, a problem, and nothing given away."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator

import pytest

from mmsearch.server import protocol
from tests.integration.server import attack as attacks
from tests.integration.server.attack import Attack
from tests.integration.server.attacks_on_the_wire import HEADS, SITES, TOKENS
from tests.integration.server.attacks_within import PATHS, PICTURES, QUESTIONS
from tests.integration.server.conftest import XSS_CAPTION, XSS_NAME, Gallery, make_gallery
from tests.live_server import LiveServer, Response, live_server
from tests.photos import fake_library, media_id, photo

ALL = (*PATHS, *PICTURES, *QUESTIONS, *HEADS, *SITES, *TOKENS)
TIMEOUT_S = 60
TARGETS = {
    "many ranges": f"bytes={attacks.MANY_RANGES}",
    "a range that ends before it begins": "bytes=5-2",
    "a range beyond 64 bits": "bytes=0-99999999999999999999",
    "another unit": "lines=1-2",
    "no range at all": "bytes=-",
}


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    """A gallery with a link out of it, beside a picture that nobody may see."""
    gallery = make_gallery(tmp_path_factory.mktemp("hostile"))
    photo(gallery.folder / "outside" / "secret.png", "black", 99)
    (gallery.photos / "way-out").symlink_to(gallery.folder / "outside")
    return gallery


@pytest.fixture(scope="module")
def servers(gallery: Gallery) -> Iterator[dict[bool, LiveServer]]:
    """Servers with tight limits: without (False) and with (True) a token."""
    patience = pytest.MonkeyPatch()
    patience.setattr(protocol, "HEAD_TIMEOUT_S", 1.0)
    patience.setattr(protocol, "LINGER_S", 0.5)
    limits = {"max_upload_bytes": attacks.MAX_UPLOAD_BYTES, "body_timeout_s": 1.0}
    home, models = gallery.folder / "home", gallery.models
    with (
        fake_library(home, models, max_megapixels=attacks.MAX_MEGAPIXELS) as library,
        live_server(library, gallery.open_library, gallery.folder, **limits) as opened,
        live_server(
            library, gallery.open_library, gallery.folder, token=attacks.TOKEN, **limits
        ) as guarded,
    ):
        yield {False: opened, True: guarded}
    patience.undo()


@pytest.mark.parametrize("attack", ALL, ids=lambda attack: attack.why)
def test_it_is_refused(attack: Attack, servers: dict[bool, LiveServer], gallery: Gallery) -> None:
    server = servers[attack.guarded]
    answer = send(server, filled(attack.request, server, gallery))
    assert answer.status in attack.statuses, answer.body[:300]
    check_clean(answer)
    assert send(server, filled(attacks.get("/api/v1/health"), server, gallery)).status == 200


@pytest.mark.parametrize("why", TARGETS)
def test_an_odd_range_gets_the_whole_file(why: str, servers: dict[bool, LiveServer]) -> None:
    """As RFC 9110 has it; never many parts, never an error inside."""
    answer = servers[False].get("/api/v1/media/1/original", {"Range": TARGETS[why]})
    assert answer.status == 200
    assert int(answer.headers["content-length"]) == len(answer.body)


@pytest.mark.parametrize("asked", ["bytes=9999999-", "bytes=-0", "bytes=9999999-99999999"])
def test_a_range_beyond_the_end_is_refused(asked: str, servers: dict[bool, LiveServer]) -> None:
    answer = servers[False].get("/api/v1/media/1/original", {"Range": asked})
    assert answer.status == 416
    assert answer.headers["content-range"].startswith("bytes */")
    check_clean(answer)


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"", "a connection that says nothing"),
        (b"GET / HTT", "a request line that does not end"),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ", "a head that does not end"),
        (
            b"POST /api/v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{",
            "a body that does not come",
        ),
        (
            b"POST /api/v1/uploads HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
            "a chunk that does not end",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_patience_ends(sent: bytes, why: str, servers: dict[bool, LiveServer]) -> None:
    answer = send(servers[False], sent)
    assert answer.status == 408, why
    check_clean(answer)


def drip(server: LiveServer, drop: bytes, drops: int, pause_s: float) -> None:
    """Send a head that does not end, piece by piece."""
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S) as line:
        line.sendall(b"GET / HTTP/1.1\r\n")
        for _ in range(drops):
            line.sendall(drop)
            time.sleep(pause_s)


def test_a_head_sent_drop_by_drop_is_cut_off(servers: dict[bool, LiveServer]) -> None:
    """Each byte in time does not make the whole in time."""
    with pytest.raises(ConnectionError):
        drip(servers[False], b"X-A: a\r\n", drops=600, pause_s=0.05)


def test_a_head_without_end_is_cut_off(servers: dict[bool, LiveServer]) -> None:
    with pytest.raises(ConnectionError):
        drip(servers[False], b"a" * 65536, drops=2000, pause_s=0.0)


@pytest.mark.parametrize("kind", ["thumbnail", "original"])
def test_a_picture_that_became_a_link_out_is_not_served(
    kind: str, servers: dict[bool, LiveServer], gallery: Gallery
) -> None:
    """Whoever can write into the folder must not get at the rest of the disk."""
    file = gallery.photos / f"swapped-{kind}.png"
    photo(file, "green", 77)
    with gallery.open_library() as library:
        library.index(gallery.photos)
        number = media_id(library, file)
    file.unlink()
    file.symlink_to(gallery.folder / "outside" / "secret.png")
    answer = servers[False].get(f"/api/v1/media/{number}/{kind}")
    assert answer.status == 404
    assert "outside" not in answer.text
    check_clean(answer)


def test_a_picture_that_became_a_pipe_or_a_folder_is_not_served(
    servers: dict[bool, LiveServer], gallery: Gallery
) -> None:
    file = photo(gallery.photos / "odd.png", "green", 78)
    with gallery.open_library() as library:
        library.index(gallery.photos)
        number = media_id(library, file)
    file.unlink()
    file.mkdir()
    assert servers[False].get(f"/api/v1/media/{number}/original").status == 404


def test_names_and_captions_never_become_markup(servers: dict[bool, LiveServer]) -> None:
    """They travel as JSON, which no browser takes for anything else."""
    answer = servers[False].get("/api/v1/search?q=red&k=50")
    names = {hit["name"] for hit in answer.json()["hits"]}  # type: ignore[attr-defined]
    assert XSS_NAME in names
    captions = servers[False].get("/api/v1/search?q=red&k=50&target=captions")
    assert XSS_CAPTION in {hit["caption"] for hit in captions.json()["hits"]}  # type: ignore[attr-defined]
    for one in (answer, captions):
        assert one.headers["content-type"] == "application/json"
        check_safe_headers(one)


def test_what_was_asked_is_not_reflected_as_markup(servers: dict[bool, LiveServer]) -> None:
    answer = servers[False].get("/%3Cscript%3Ealert(1)%3C/script%3E?x=%3Cscript%3E")
    assert answer.status == 404
    assert b"<script>" not in answer.body
    check_clean(answer)


def test_a_file_name_cannot_break_out_of_a_header(
    servers: dict[bool, LiveServer], gallery: Gallery
) -> None:
    with gallery.open_library() as library:
        number = media_id(library, gallery.photos / XSS_NAME)
    answer = servers[False].get(f"/api/v1/media/{number}/original?download=1")
    assert answer.headers["content-disposition"] == (
        "attachment; filename*=UTF-8''%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E.png"
    )
    assert answer.headers["content-type"] == "image/png"


def test_the_rest_of_a_refused_request_is_not_taken_for_another(
    servers: dict[bool, LiveServer],
) -> None:
    """A second request hidden behind a short Content-Length is answered as what it is."""
    hidden = b"GET /api/v1/status HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    first = (
        b"POST /api/v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: 2\r\n\r\n{}"
    )
    with socket.create_connection(("127.0.0.1", servers[False].port), TIMEOUT_S) as line:
        line.sendall(first + hidden)
        received = b"".join(iter(lambda: line.recv(65536), b""))
    assert received.startswith(b"HTTP/1.1 422")
    assert b"HTTP/1.1 421" in received
    assert b"HTTP/1.1 200" not in received


def test_guessing_tokens_is_slowed_down(gallery: Gallery) -> None:
    """After some wrong ones even the right one has to wait."""
    with (
        gallery.open_library() as library,
        live_server(library, gallery.open_library, gallery.folder, token=attacks.TOKEN) as server,
    ):
        statuses = [
            server.get("/api/v1/status", {"Authorization": f"Bearer {number}"}).status
            for number in range(60)
        ]
        assert statuses[0] == 401
        assert 429 in statuses
        assert set(statuses) == {401, 429}


def test_there_are_many_kinds_of_attacks() -> None:
    reasons = [attack.why for attack in ALL]
    assert len(set(reasons)) == len(reasons) >= 100


def filled(request: bytes, server: LiveServer, gallery: Gallery) -> bytes:
    """A request with this server's port and folder, its length corrected."""
    photos = str(gallery.photos).encode()
    text = request.replace(b"{port}", str(server.port).encode())
    if b"{photos}" not in text:
        return text
    head, _, body = text.partition(b"\r\n\r\n")
    old = b"Content-Length: %d\r\n" % len(body)
    body = body.replace(b"{photos}", photos)
    head = head.replace(b"{photos}", photos).replace(old, b"Content-Length: %d\r\n" % len(body))
    return head + b"\r\n\r\n" + body


def send(server: LiveServer, data: bytes) -> Response:
    """The first response to bytes sent as they are."""
    received = b""
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S) as line:
        with contextlib.suppress(ConnectionError):  # refused before all was sent
            line.sendall(data)
        with contextlib.suppress(ConnectionError):  # what nobody read resets the line
            while part := line.recv(65536):
                received += part
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines[1:])
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    return Response(int(lines[0].split(" ")[1]), headers, body)


def check_clean(answer: Response) -> None:
    """A refusal is a problem, says nothing of the inside, and can do nothing in a browser."""
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in answer.headers
    for leak in (b"Traceback", b"site-packages", b'File "', attacks.TOKEN.encode(), b"root:x:"):
        assert leak not in answer.body
    if answer.status >= 400 and answer.body:
        assert answer.headers["content-type"] == "application/problem+json"
        problem = json.loads(answer.body)
        assert problem["status"] == answer.status
        assert problem["detail"]


def check_safe_headers(answer: Response) -> None:
    """The headers that every response has."""
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
