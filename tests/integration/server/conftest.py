"""A gallery with awkward names and a server over it, one for each test file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mmsearch.engine.library import Library
from mmsearch.engine.records import IndexOptions
from tests.fakes import COLOURS, FakeModels
from tests.live_server import LiveServer, live_server
from tests.photos import bad_photo, fake_library, photo

XSS_NAME = "<img src=x onerror=alert(1)>.png"
XSS_CAPTION = "<script>alert('red')</script>"


@dataclass(frozen=True, slots=True)
class Gallery:
    """Folder with `photos/` and `home/`: a picture of each colour, odd names, one bad file."""

    folder: Path
    models: FakeModels

    @property
    def photos(self) -> Path:
        """The indexed folder."""
        return self.folder / "photos"

    def open_library(self) -> Library:
        """A library of its own on the index."""
        return fake_library(self.folder / "home", self.models)


def make_gallery(folder: Path) -> Gallery:
    """Write the pictures and captions, and index them."""
    gallery = Gallery(folder, FakeModels())
    for number, colour in enumerate(COLOURS):
        photo(gallery.photos / colour / f"{colour}.png", colour, number)
    photo(gallery.photos / XSS_NAME, "red", 50)
    photo(gallery.photos / "red" / "copy.png", "red", 0)
    bad_photo(gallery.photos / "bad.jpg")
    captions = folder / "captions.csv"
    rows = ["file,caption", *(f"{colour}/{colour}.png,{colour}" for colour in COLOURS)]
    captions.write_text("\n".join([*rows, f'"{XSS_NAME}",{XSS_CAPTION}']) + "\n", "utf-8")
    with gallery.open_library() as library:
        summary = library.index(gallery.photos, IndexOptions(captions=(captions,)))
    assert (summary.added, summary.failed) == (len(COLOURS) + 2, 1)
    return gallery


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    """The gallery of a test file."""
    return make_gallery(tmp_path_factory.mktemp("gallery"))


@pytest.fixture(scope="module")
def server(gallery: Gallery) -> Iterator[LiveServer]:
    """A server without a token."""
    with (
        gallery.open_library() as library,
        live_server(library, gallery.open_library, gallery.folder) as live,
    ):
        yield live
