"""A real server in a thread, over a library of the fake model."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mmsearch.server.app import create_app
from mmsearch.server.options import ServerOptions
from mmsearch.server.run import address_of, listen, make_server
from tests.browser.gallery import GatedEncoder, gallery_library
from tests.fakes import FakeRerankers


@dataclass(frozen=True, slots=True)
class Site:
    """A server that runs: where it is, what it serves, and the encoder of its indexing jobs."""

    url: str
    gallery: Path
    home: Path
    encoder: GatedEncoder


@contextmanager
def running_site(
    home: Path,
    gallery: Path,
    token: str | None = None,
    port: int = 0,
    rerankers: FakeRerankers | None = None,
) -> Iterator[Site]:
    """Serve the index of `home` until the block ends."""
    encoder = GatedEncoder()
    options = ServerOptions(cache=home / "cache", port=port, token=token)
    with (
        listen(options) as listening,
        gallery_library(home, GatedEncoder(), rerankers) as library,
    ):
        app = create_app(library, options, lambda: gallery_library(home, encoder))
        server = make_server(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield Site(address_of(listening), gallery, home, encoder)
        finally:
            encoder.open = True
            server.should_exit = True
            thread.join(timeout=60)
            assert not thread.is_alive()
