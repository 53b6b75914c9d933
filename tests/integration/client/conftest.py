"""A server and a client of one small gallery."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import mmsearch
from mmsearch.client import RemoteLibrary
from mmsearch.engine.library import Library
from tests.integration.server.conftest import Gallery, make_gallery
from tests.live_server import LiveServer, live_server
from tests.photos import photo

ODD_NAME = b"caf\xe9.png"


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    """The gallery, with a name that is not UTF-8 and a file that failed."""
    gallery = make_gallery(tmp_path_factory.mktemp("gallery"))
    photo(Path(os.fsdecode(os.fsencode(gallery.photos) + b"/" + ODD_NAME)), "red", 98)
    with gallery.open_library() as library:
        library.index(gallery.photos)
    return gallery


@pytest.fixture(scope="module")
def local(gallery: Gallery) -> Iterator[Library]:
    with gallery.open_library() as library:
        yield library


@pytest.fixture(scope="module")
def server(gallery: Gallery, local: Library) -> Iterator[LiveServer]:
    with live_server(local, gallery.open_library, gallery.folder) as live:
        yield live


@pytest.fixture(scope="module")
def remote(server: LiveServer) -> Iterator[RemoteLibrary]:
    with mmsearch.connect(server.url) as library:
        yield library
