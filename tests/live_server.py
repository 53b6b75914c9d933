"""A real server on a real socket, in a thread, over a library of fake models."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from mmsearch.engine.library import Library
from mmsearch.server.app import create_app
from mmsearch.server.options import ServerOptions
from mmsearch.server.run import listen, make_server

TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Response:
    """What came back; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, object]:
        """The body as a JSON object."""
        value: dict[str, object] = json.loads(self.body)
        return value

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


@dataclass(frozen=True, slots=True)
class LiveServer:
    """Where the server listens; requests are sent exactly as they are given."""

    port: int
    folder: Path
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        method: str,
        target: str,
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """The response to one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            connection.request(method, target, body, {**self.headers, **(headers or {})})
            answer = connection.getresponse()
            named = {name.lower(): value for name, value in answer.getheaders()}
            return Response(answer.status, named, answer.read())
        finally:
            connection.close()

    def get(self, target: str, headers: Mapping[str, str] | None = None) -> Response:
        """The response to GET."""
        return self.ask("GET", target, None, headers)

    def post(self, target: str, value: object = None) -> Response:
        """The response to POST of a JSON value."""
        return self.ask("POST", target, json.dumps(value), {"Content-Type": "application/json"})


@contextmanager
def live_server(
    library: Library,
    open_library: Callable[[], Library],
    folder: Path,
    *,
    ready: bool = True,
    **options: object,
) -> Iterator[LiveServer]:
    """A server over `library`, closed at the end of the block; `ready`: it has loaded all."""
    wanted = replace(ServerOptions(cache=folder / "cache", port=0, rate_limit=0), **options)  # type: ignore[arg-type]
    with listen(wanted) as listening:
        app = create_app(library, wanted, open_library)
        server = make_server(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            assert not ready or app.state.services.readiness.wait(TIMEOUT_S)
            yield LiveServer(listening.getsockname()[1], folder)
        finally:
            server.should_exit = True
            thread.join(TIMEOUT_S)
            assert not thread.is_alive()
