"""Which sites' pages may ask, and by which names the server may be called."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsearch.server.options import ServerOptions
from mmsearch.server.origins import HostCheck, check_origin, host_name
from tests.unit.server.heads import head

ON_LOOPBACK = HostCheck(ServerOptions(Path(), allowed_hosts=("photos.example",)))
ELSEWHERE = HostCheck(ServerOptions(Path(), host="0.0.0.0", token="abc"))  # noqa: S104, S106 - of a test


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:8000", "localhost:1", "[::1]:8000", "LOCALHOST", "photos.example"],
)
def test_its_own_names_are_answered_to(host: str) -> None:
    assert ON_LOOPBACK(head(host=host)) is None


def test_a_proxys_name_is_answered_to_once_it_is_allowed() -> None:
    assert ON_LOOPBACK(head(host="Photos.Example:443")) is None


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example:8000", 421),
        ("192.168.1.5", 421),
        ("", 400),
        ("a b", 400),
        ("user@127.0.0.1", 400),
        ("127.0.0.1:80:80", 400),
        ("127.0.0.1:x", 400),
        ("[::1", 400),
        ("127.0.0.1/x", 400),
        ("127.0.0.1?x", 400),
        ("127.0.0.1#x", 400),
    ],
)
def test_other_names_are_not(host: str, status: int) -> None:
    problem = ON_LOOPBACK(head(host=host))
    assert problem is not None
    assert problem.status == status


def test_where_everyone_may_connect_any_name_will_do() -> None:
    assert ELSEWHERE(head(host="photos.example:8000")) is None
    assert ELSEWHERE(head(host="a b")) is not None


def test_a_final_dot_is_the_same_name() -> None:
    assert host_name("LocalHost.:80") == "localhost"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec_fetch_site": "same-origin", "origin": "http://127.0.0.1:8000"},
        {"sec_fetch_site": "none"},
        {"origin": "https://127.0.0.1:8000"},
    ],
)
def test_programs_and_our_own_page_may_change_things(headers: dict[str, str]) -> None:
    assert check_origin(head(method="POST", **headers)) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "something-new"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8001"},
        {"origin": "http://127.0.0.1"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH", "ODD"])
def test_other_sites_may_not(method: str, headers: dict[str, str]) -> None:
    problem = check_origin(head(method=method, **headers))
    assert problem is not None
    assert problem.status == 403


def test_other_sites_may_link_but_not_read() -> None:
    read = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"}
    follow = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert check_origin(head(**read)) is not None
    assert check_origin(head(**follow)) is None
    assert check_origin(head("/", **read)) is None
