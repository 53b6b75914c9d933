"""Runs the server until it is told to stop, and stops it gracefully."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from mmsearch.errors import ConfigError, reason_of
from mmsearch.server.protocol import PatientProtocol

if TYPE_CHECKING:
    from fastapi import FastAPI

    from mmsearch.server.options import ServerOptions

_MAX_CONNECTIONS = 1024
_KEEP_ALIVE_S = 15
_FINISH_S = 30
"""So long running requests may take when the server is told to stop."""


class GracefulServer(uvicorn.Server):
    """uvicorn, that tells the application of a stop before it waits for open responses.

    A stream of events would otherwise keep it from ever stopping.
    """

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: no new requests, streams end, what runs is finished."""
        self._on_stop()
        await super().shutdown(sockets)


def listen(options: ServerOptions) -> socket.socket:
    """A socket that listens where the options say.

    Raises:
        ConfigError: The address is taken, or not this machine's.
    """
    host = options.host.strip("[]")
    try:
        family = socket.getaddrinfo(host, options.port, type=socket.SOCK_STREAM)[0][0]
        made = socket.create_server((host, options.port), family=family, backlog=2048)
    except OSError as exc:
        why = reason_of(exc)
        raise ConfigError(
            f"cannot listen on {host} port {options.port} ({why}): try another --port or --host"
        ) from exc
    # asyncio sends at once (TCP_NODELAY) only where the socket says that it is TCP: without that
    # each answer's second packet would wait 40 ms for the client to confirm the first.
    return socket.socket(family, made.type, socket.IPPROTO_TCP, made.detach())


def address_of(listening: socket.socket) -> str:
    """The URL to open."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def make_server(app: FastAPI) -> GracefulServer:
    """A server for the application."""
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_FINISH_S,
    )
    stopping: asyncio.Event = app.state.stopping
    return GracefulServer(config, stopping.set)


def serve(app: FastAPI, listening: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM; return once all is finished."""
    gc.collect()
    gc.freeze()  # hundreds of thousands of objects of libraries, which no collection need visit
    with _signals_handled():
        make_server(app).run(sockets=[listening])


@contextmanager
def _signals_handled() -> Iterator[None]:
    """Keep the two signals from ending the process: uvicorn raises them again after its stop."""
    handled = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: None) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
