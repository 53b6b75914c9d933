"""How much one client may ask, and when its body is cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from starlette.types import Message

from mmsearch.server.limits import (
    BodyLimit,
    Buckets,
    LimitedBody,
    check_shape,
    client_group,
    too_many,
)
from mmsearch.server.problems import Refused
from tests.unit.server.heads import head


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_allows_a_burst_and_then_its_rate() -> None:
    clock = Clock()
    buckets = Buckets(rate=2.0, burst=3.0, clock=clock)
    assert [buckets.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert buckets.take("b") == 0.0
    clock.now = 0.5
    assert [buckets.take("a") for _ in range(2)] == [0.0, 0.5]
    clock.now = 100.0
    assert [buckets.take("a") for _ in range(4)].count(0.0) == 3


def test_looking_takes_nothing() -> None:
    buckets = Buckets(rate=1.0, burst=1.0, clock=Clock())
    assert [buckets.wait("a"), buckets.wait("a"), buckets.take("a")] == [0.0, 0.0, 0.0]
    assert buckets.wait("a") == 1.0


def test_no_rate_is_no_limit() -> None:
    buckets = Buckets(rate=0.0, burst=0.0, clock=Clock())
    assert [buckets.take("a") for _ in range(1000)] == [0.0] * 1000


def test_buckets_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmsearch.server.limits._MAX_CLIENTS", 10)
    buckets = Buckets(rate=1.0, burst=1.0, clock=Clock())
    for number in range(100):
        buckets.take(str(number))
    assert len(buckets._buckets) == 10


def test_a_household_is_one_client() -> None:
    assert client_group("2001:db8:1:2::5") == client_group("2001:db8:1:2:9:9:9:9")
    assert client_group("10.0.0.7") == "10.0.0.7"


def test_the_wait_is_told_in_whole_seconds() -> None:
    assert too_many(0.2).headers["Retry-After"] == "1"
    assert too_many(3.1).headers["Retry-After"] == "4"


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/search", "/static/app.js", "/static/a..b", "/.well-known/x"]
)
def test_plain_paths_pass(path: str) -> None:
    assert check_shape(head(path)) is None


@pytest.mark.parametrize(
    "path", ["/..", "/a/../b", "/./a", "//a", "/a\\b", "/a\0", "/a\nb", "/a/.."]
)
def test_devious_paths_do_not(path: str) -> None:
    problem = check_shape(head(path))
    assert problem is not None
    assert problem.status == 400


def test_an_upload_may_be_larger_than_a_question() -> None:
    limit = BodyLimit(1_000_000, 1.0)
    assert limit.check(head("/api/v1/uploads", content_length="900000")) is None
    for path, length in (
        ("/api/v1/search", "900000"),
        ("/api/v1/uploads", "1000001"),
        ("/api/v1/uploads", "9" * 30),
        ("/api/v1/uploads", "-1"),
    ):
        problem = limit.check(head(path, content_length=length))
        assert problem is not None
        assert problem.status == 413


def receive_all(parts: Iterable[bytes], max_bytes: int) -> bytes:
    """What a limited body passes on."""
    waiting = list(parts)

    async def receive() -> Message:
        if not waiting:
            await asyncio.sleep(60)
        part = waiting.pop(0)
        return {"type": "http.request", "body": part, "more_body": part != b"last"}

    async def read() -> bytes:
        body = LimitedBody(receive, max_bytes, 0.05)
        received = b""
        while True:
            message = await body()
            received += message["body"]
            if not message["more_body"]:
                return received

    return asyncio.run(read())


def test_a_body_within_limits_passes() -> None:
    assert receive_all([b"first", b"last"], 9) == b"firstlast"


@pytest.mark.parametrize(
    ("parts", "max_bytes", "status"), [([b"first", b"last"], 8, 413), ([b"first"], 9, 408)]
)
def test_a_body_beyond_them_is_cut_off(parts: list[bytes], max_bytes: int, status: int) -> None:
    with pytest.raises(Refused) as refused:
        receive_all(parts, max_bytes)
    assert refused.value.status_code == status
