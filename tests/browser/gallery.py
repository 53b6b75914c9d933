"""The pictures that the page is tried on: every colour, shape and format, and hostile names."""

from __future__ import annotations

import csv
import os
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from PIL import Image

from mmsearch.config import load_settings
from mmsearch.engine.factory import open_library
from mmsearch.engine.library import Library
from mmsearch.engine.records import IndexOptions
from mmsearch.types import Embeddings, ImageTensor
from tests.fakes import COLOURS, FakeDualEncoder, FakeModels, FakeRerankers, InlineDecoder

HOSTILE_NAME = "<img src=x onerror=document.title='owned'>.png"
HOSTILE_CAPTION = "<script>document.title='owned'</script><b>magenta</b> & \"more\" {{7*7}}"
RARE = "magenta"
"""The colour of two pictures only, so that one of them stands out."""

_SHAPES = ((48, 32), (32, 48), (40, 40), (64, 28))
_SUFFIXES = ("png", "jpg", "webp")


def picture(path: Path, colour: str, seed: int = 0, size: tuple[int, int] = (48, 32)) -> Path:
    """A picture of one colour with slight noise, `(width, height)` in pixels."""
    width, height = size
    noise = np.random.default_rng(seed).integers(-12, 13, (height, width, 3))
    pixels = np.clip(np.array(COLOURS[colour]) + noise, 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=95)
    return path


def make_gallery(folder: Path) -> Path:
    """120 pictures of three colours in a folder each, and five that are special."""
    for number in range(120):
        colour = ("red", "green", "blue")[number % 3]
        name = f"{colour}-{number:03d}.{_SUFFIXES[number // 3 % 3]}"
        path = picture(folder / colour / name, colour, number, _SHAPES[number // 3 % 4])
        written = datetime(2020 + number % 3, 6, 1 + number % 28).timestamp()
        os.utime(path, (written, written))
    picture(folder / "rare" / f"{RARE}.png", RARE, 1)
    picture(folder / "rare" / HOSTILE_NAME, RARE, 2)
    picture(folder / "rare" / "yellow.png", "yellow", 3, (300, 60))
    picture(folder / "rare" / "copy one.png", "cyan", 4)
    picture(folder / "rare" / "copy two.png", "cyan", 4)
    return folder


def write_captions(file: Path, gallery: Path) -> Path:
    """Captions of the special pictures, as CSV."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("file", "caption"))
        writer.writerow((gallery / "rare" / f"{RARE}.png", HOSTILE_CAPTION))
        writer.writerow((gallery / "rare" / "yellow.png", "a yellow panorama"))
        writer.writerow((gallery / "rare" / "yellow.png", "yellow from edge to edge"))
    return file


class GatedEncoder(FakeDualEncoder):
    """An encoder whose batches wait until they are let through; `open` lets all through."""

    def __init__(self) -> None:
        super().__init__()
        self._permits = threading.Semaphore(0)
        self.open = True

    def encode_images(self, images: ImageTensor) -> Embeddings:
        """Wait for a permit, then as the fake does."""
        while not self.open and not self._permits.acquire(timeout=0.02):
            pass
        return super().encode_images(images)

    def let_through(self, batches: int) -> None:
        """Give permits for so many batches."""
        self._permits.release(batches)


def gallery_library(
    home: Path, encoder: FakeDualEncoder, rerankers: FakeRerankers | None = None
) -> Library:
    """A library of the fake model, decoding in this process."""
    models = FakeModels(("fake",), encoders={"fake": encoder})
    settings = load_settings(home=home, cache=home / "cache", decode_workers=1, batch_size=4)
    return open_library(settings, models, InlineDecoder, rerankers=rerankers)


def index_gallery(home: Path, paths: Sequence[Path], captions: Sequence[Path] = ()) -> None:
    """Index pictures and captions into the home."""
    with gallery_library(home, FakeDualEncoder()) as library:
        library.index(paths, IndexOptions(captions=tuple(captions)))
