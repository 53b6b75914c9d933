"""The way into the application: every request is checked, every response made safe.

One plain ASGI layer instead of several: what it costs is paid by every search.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mmsearch.server.head import Check, Head
from mmsearch.server.limits import BodyLimit, LimitedBody
from mmsearch.server.metrics import Metrics
from mmsearch.server.problems import Problem

_LOG = logging.getLogger(__name__)
_MAX_IN_FLIGHT = 512

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_SAFETY = tuple(
    (name.encode(), value.encode())
    for name, value in {
        "content-security-policy": CONTENT_SECURITY_POLICY,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
    }.items()
)
_NO_STORE = (b"cache-control", b"no-store")


@dataclass(frozen=True, slots=True)
class GateParts:
    """What the gate works with; `checks` are asked in order, the first refusal counts."""

    checks: Sequence[Check]
    body: BodyLimit
    metrics: Metrics


class Gate:
    """ASGI middleware: checks, body limits, safe headers, metrics, and no error unanswered."""

    def __init__(self, app: ASGIApp, parts: GateParts) -> None:
        self._app = app
        self._parts = parts
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        head = Head.of(scope)
        visit = _Visit(send)
        inner = {**scope, "method": "GET"} if head.method == "HEAD" else scope
        self._in_flight += 1
        try:
            problem = self._refusal(head)
            if problem is None:
                await self._app(inner, self._limited(head, receive), visit.send)
            else:
                await problem.response(head.path)(scope, receive, visit.send)
        except Exception:
            _LOG.exception("%s %s failed", head.method, head.path)
            if visit.status:
                raise
            failure = Problem(500, "the server failed; its log says why")
            await failure.response(head.path)(scope, receive, visit.send)
        finally:
            self._in_flight -= 1
            self._parts.metrics.count_request(head.method, _route(inner), visit.status, visit.age_s)

    def _refusal(self, head: Head) -> Problem | None:
        if self._in_flight > _MAX_IN_FLIGHT:
            return Problem(503, "too many requests at once", headers={"Retry-After": "1"})
        for check in self._parts.checks:
            problem = check(head)
            if problem is not None:
                return problem
        return None

    def _limited(self, head: Head, receive: Receive) -> Receive:
        if not head.has_body:
            return receive
        limit = self._parts.body
        return LimitedBody(receive, limit.max_bytes(head.path), limit.timeout_s)


class _Visit:
    """One response on its way out."""

    __slots__ = ("_send", "_started", "status")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._started = time.perf_counter()
        self.status = 0

    @property
    def age_s(self) -> float:
        """Seconds since the request came in."""
        return time.perf_counter() - self._started

    async def send(self, message: Message) -> None:
        """Pass a message on; the first one with our headers added."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = list(message["headers"])
            names = {name for name, _ in headers}
            headers += [pair for pair in _SAFETY if pair[0] not in names]
            if b"cache-control" not in names:
                headers.append(_NO_STORE)
            message = {**message, "headers": headers}
        await self._send(message)


def _route(scope: Scope) -> str:
    """The template of the route that answered, so that metrics stay few."""
    return getattr(scope.get("route"), "path", "none")
