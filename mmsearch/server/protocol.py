"""HTTP on the wire with patience that ends: uvicorn's protocol sets no time for a request's head.

A client that sends a head byte by byte, or never reads its response, would hold a connection
for ever. What cannot be parsed is refused in the same form as everything else.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mmsearch.server.limits import MAX_HEAD_BYTES
from mmsearch.server.problems import PROBLEM_JSON, Problem
from mmsearch.server.shapes import to_json

if TYPE_CHECKING:
    from httptools import HttpRequestParser

HEAD_TIMEOUT_S = 10.0
"""From a connection's start, or a request's first byte, to the end of the head."""
WRITE_TIMEOUT_S = 60.0
"""So long a client may leave what is sent unread."""
LINGER_S = 10.0
"""So long the rest of a refused body is still read and dropped, so that its sender hears why."""


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol over httptools, with time limits and a size limit for the head."""

    parser: HttpRequestParser
    _timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None
    _in_head = True
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait(HEAD_TIMEOUT_S, self._head_timed_out)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all clocks."""
        self._stop_waiting()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came in; a head that does not end is refused."""
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > 2 * MAX_HEAD_BYTES:
                self._refuse(Problem(431, "the head of the request is too large"))

    def on_message_begin(self) -> None:
        """A request's first byte is here: its head has so long to follow."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self._wait(HEAD_TIMEOUT_S, self._head_timed_out)

    def on_headers_complete(self) -> None:
        """The head is here. A target that is no path (a proxy's form) is not for us."""
        self._in_head = False
        self._stop_waiting()
        if not self.url.startswith(b"/"):
            raise ValueError("the target is no path")  # the parser passes it on as malformed
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is here."""
        self._stop_waiting()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Where the body was not wanted, wait a little for its end."""
        unread = self.cycle.more_body
        super().on_response_complete()
        if unread and not self.transport.is_closing():
            self._wait(LINGER_S, self.transport.abort)

    def pause_writing(self) -> None:
        """The client does not read: it has so long to begin."""
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(WRITE_TIMEOUT_S, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
        if self.flow is not None:
            super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse(Problem(400, msg.rstrip(".").lower()))

    def _head_timed_out(self) -> None:
        self._refuse(Problem(408, "the request took too long to arrive"))

    def _refuse(self, problem: Problem) -> None:
        """Answer without an application, and close."""
        if self.transport.is_closing():
            return
        body = to_json(problem.fields(""))
        title = problem.fields("")["title"]
        lines = (
            f"HTTP/1.1 {problem.status} {title}",
            f"content-type: {PROBLEM_JSON}",
            f"content-length: {len(body)}",
            "x-content-type-options: nosniff",
            "cache-control: no-store",
            "connection: close",
        )
        self.transport.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        self.transport.close()

    def _wait(self, seconds: float, then: object) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(seconds, then)  # type: ignore[arg-type]

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
