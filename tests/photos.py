"""Makes small pictures whose colour is known, and libraries over fake models."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image

from mmsearch.config import load_settings
from mmsearch.engine.factory import open_library
from mmsearch.engine.library import Library
from mmsearch.engine.processes import StartPool
from mmsearch.types import IndexSummary
from tests.fakes import COLOURS, FakeModels, FakeRerankers, InlineDecoder


def photo(path: Path, colour: str = "red", seed: int = 0, size: int = 24) -> Path:
    """A PNG of one colour with slight noise: another `seed` gives other bytes, the same colour."""
    noise = np.random.default_rng(seed).integers(-12, 13, (size, size, 3))
    pixels = np.clip(np.array(COLOURS[colour]) + noise, 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, "PNG")
    return path


def bad_photo(path: Path, content: bytes = b"not a picture at all") -> Path:
    """A file that is named like a picture and is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def touch_later(path: Path, seconds: int = 5) -> None:
    """Move a file's modification time on, as an editor would; bytes stay."""
    info = path.stat()
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns + seconds * 10**9))


def fake_library(
    home: Path,
    models: FakeModels | None = None,
    start_pool: StartPool | None = InlineDecoder,
    rerankers: FakeRerankers | None = None,
    **settings: object,
) -> Library:
    """A library of fake models; `start_pool=None` takes real decode workers."""
    given: dict[str, object] = {"decode_workers": 1, "batch_size": 4, **settings}
    chosen = load_settings(home=home, **given)
    return open_library(chosen, models or FakeModels(), start_pool, rerankers=rerankers)


def counts(summary: IndexSummary) -> dict[str, int]:
    """The counts of a summary that are not 0."""
    names = ("added", "updated", "moved", "removed", "unchanged", "failed")
    return {name: value for name in names if (value := getattr(summary, name))}


def found(library: Library, text: str = "red", k: int = 50) -> set[Path]:
    """The files a query finds."""
    return {hit.media.path for hit in library.query(text, k=k)}


def media_id(library: Library, path: Path) -> int:
    """The media id of an indexed file."""
    media = library.info(path).media
    assert media is not None
    return media.media_id


def n_encoded(models: FakeModels) -> int:
    """How many pictures the fake encoder embedded so far."""
    return sum(encoder.n_images for encoder in models.encoders.values())
