"""Tokens, sessions and guesses."""

from __future__ import annotations

import hmac

import pytest

from mmsearch.server.auth import COOKIE, SESSION_S, Auth, Sessions
from tests.unit.server.heads import head

TOKEN = "the token"  # noqa: S105 - of a test


def status_of(auth: Auth, path: str = "/api/v1/status", **headers: str) -> int | None:
    problem = auth(head(path, **headers))
    return None if problem is None else problem.status


def test_without_a_token_everyone_is_let_in() -> None:
    assert status_of(Auth(None)) is None


def test_the_token_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """By `compare_digest`, on digests of equal length whatever was sent."""
    compared: list[tuple[bytes, bytes]] = []
    original = hmac.compare_digest

    def watch(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return original(one, other)

    monkeypatch.setattr("mmsearch.server.auth.hmac.compare_digest", watch)
    auth = Auth(TOKEN)
    for sent in ("x", TOKEN, TOKEN + "x", "\xe9" * 1000):
        auth(head(authorization=f"Bearer {sent}"))
    assert len(compared) == 4
    assert {len(part) for pair in compared for part in pair} == {32}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_right_token_opens(scheme: str) -> None:
    assert status_of(Auth(TOKEN), authorization=f"{scheme} {TOKEN}") is None


@pytest.mark.parametrize("path", ["/", "/login", "/static/app.js", "/api/v1/health"])
def test_what_holds_no_data_is_open(path: str) -> None:
    assert status_of(Auth(TOKEN), path) is None


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/healthy", "/static", "/loginx", "/x"])
def test_everything_else_is_not(path: str) -> None:
    assert status_of(Auth(TOKEN), path) == 401


def test_guesses_run_out() -> None:
    auth = Auth(TOKEN)
    statuses = [status_of(auth, authorization=f"Bearer {number}") for number in range(40)]
    assert statuses[:30] == [401] * 30
    assert statuses[-1] == 429
    assert status_of(auth, authorization=f"Bearer {TOKEN}") == 429


def test_a_session_opens_until_it_ends() -> None:
    auth = Auth(TOKEN)
    session_id = auth.sessions.start()
    cookie = f"other=1; {COOKIE}={session_id}"
    assert status_of(auth, cookie=cookie) is None
    assert status_of(auth, cookie=f"{COOKIE}={session_id}x") == 401
    auth.sessions.end(session_id)
    assert status_of(auth, cookie=cookie) == 401


def test_sessions_expire_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmsearch.server.auth._MAX_SESSIONS", 2)
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    first, second, third = (sessions.start() for _ in range(3))
    assert [sessions.knows(one) for one in (first, second, third)] == [False, True, True]
    now[0] = SESSION_S + 1.0
    assert not sessions.knows(third)
    assert not sessions.knows(None)
