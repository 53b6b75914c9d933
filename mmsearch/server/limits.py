"""How much one client may ask, and how large a request may be."""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import Message, Receive

from mmsearch.server.head import Head
from mmsearch.server.problems import Problem, Refused

MAX_HEAD_BYTES = 32_768
MAX_BODY_BYTES = 65_536
"""Of any body but an upload."""
UPLOADS = "/api/v1/uploads"

_MAX_HEADERS = 100
_MAX_CLIENTS = 10_000


def check_shape(head: Head) -> Problem | None:
    """None where a request is of a form that leaves no room for two readings.

    A path that still holds dots or controls once it is decoded was written to slip past
    something; a header that comes twice is read by one program as the first, by another as the
    last.
    """
    if head.size_bytes > MAX_HEAD_BYTES or len(head.headers) > _MAX_HEADERS:
        return Problem(431, "the head of the request is too large")
    if head.repeated:
        name = min(head.repeated).decode("latin-1")
        return Problem(400, f"the header {name} is given more than once")
    if b"content-length" in head.headers and b"transfer-encoding" in head.headers:
        return Problem(400, "Content-Length and Transfer-Encoding contradict each other")
    if _is_devious(head.path):
        return Problem(400, "the path is malformed")
    return None


def _is_devious(path: str) -> bool:
    if "\\" in path or "//" in path or not path.isprintable():
        return True
    return "/." in path and any(part in (".", "..") for part in path.split("/"))


class Buckets:
    """A token bucket for each client: `rate` a second, `burst` at once; rate 0 = no limit."""

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> float:
        """Seconds to wait for the next one; 0.0: there is one, and it is taken."""
        wait_s = self.wait(client)
        if self._rate and not wait_s:
            self._buckets[client] = (self._level(client) - 1.0, self._clock())
            self._buckets.move_to_end(client)
            if len(self._buckets) > _MAX_CLIENTS:
                self._buckets.popitem(last=False)
        return wait_s

    def wait(self, client: str) -> float:
        """Seconds to wait for the next one, without taking it."""
        return max(0.0, (1.0 - self._level(client)) / self._rate) if self._rate else 0.0

    def _level(self, client: str) -> float:
        now = self._clock()
        level, since = self._buckets.get(client, (self._burst, now))
        return min(self._burst, level + (now - since) * self._rate)


def too_many(wait_s: float) -> Problem:
    """The refusal of a client that asks too much."""
    seconds = max(1, math.ceil(wait_s))
    return Problem(
        429,
        f"too many requests: wait {seconds} s (see --rate-limit)",
        headers={"Retry-After": str(seconds)},
    )


class RateCheck:
    """Refuses a client that asks faster than its bucket fills."""

    def __init__(self, rate: float) -> None:
        self._buckets = Buckets(rate, 2 * rate)

    def __call__(self, head: Head) -> Problem | None:
        """None while the client's bucket holds something."""
        wait_s = self._buckets.take(client_group(head.client))
        return too_many(wait_s) if wait_s else None


def client_group(address: str) -> str:
    """Whom an address stands for: of IPv6 the /64 that one household has."""
    if ":" not in address:
        return address
    return ":".join(address.split(":")[:4])


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """How large bodies may be and how long they may take to arrive."""

    max_upload_bytes: int
    timeout_s: float

    def max_bytes(self, path: str) -> int:
        """The limit for a path."""
        return self.max_upload_bytes if path == UPLOADS else MAX_BODY_BYTES

    def check(self, head: Head) -> Problem | None:
        """None where the announced length is within the limit."""
        length = head.headers.get(b"content-length", b"0")
        limit = self.max_bytes(head.path)
        if len(length) > 18 or not length.isdigit() or int(length) > limit:
            return too_large(limit)
        return None


def too_large(limit_bytes: int) -> Problem:
    """The refusal of a body over the limit."""
    return Problem(413, f"the body is larger than {limit_bytes:,} bytes")


class LimitedBody:
    """ASGI's `receive` of one request, cut off at a size and at a time."""

    def __init__(self, receive: Receive, max_bytes: int, timeout_s: float) -> None:
        self._receive = receive
        self._left = max_bytes
        self._limit = max_bytes
        self._deadline = time.monotonic() + timeout_s
        self._complete = False

    async def __call__(self) -> Message:
        """The next message.

        Raises:
            Refused: The body is too large, or takes too long.
        """
        if self._complete:  # what follows is the wait for a disconnect, however long
            return await self._receive()
        try:
            async with asyncio.timeout(self._deadline - time.monotonic()):
                message = await self._receive()
        except TimeoutError as exc:
            raise Refused(Problem(408, "the body took too long to arrive")) from exc
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise Refused(too_large(self._limit))
        self._complete = not message.get("more_body", False)
        return message
