"""Fills a library with rows that no file stands behind, where files would take hours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from blake3 import blake3

from mmsearch.catalogue import Catalogue, CatalogueBatch, FileEntry
from mmsearch.config import load_settings
from mmsearch.encoders import resolve_model, space_of
from mmsearch.engine.factory import CATALOGUE_NAME
from mmsearch.types import Embeddings, MediaMetadata, Space

BATCH, TOPICS = 1000, 1000
_METADATA = MediaMetadata(width=640, height=480, format="JPEG")


def space_of_mini() -> Space:
    """The space of the shipped model."""
    return space_of(resolve_model("mini", load_settings().cache))


def fill(home: Path, count: int, seed: int = 0) -> Path:
    """The folder of the default index of `home`, which now holds `count` pictures in all.

    Rows are written as an indexing run writes them. Their embeddings lie around a thousand
    topics, since even spread is what no collection of photographs has.
    """
    folder = load_settings(home=home).index_dir
    folder.mkdir(parents=True, exist_ok=True)
    space = space_of_mini()
    with Catalogue.open(folder / CATALOGUE_NAME, create=True) as catalogue:
        catalogue.add_space(space)
        root_id = catalogue.add_root(home / "no-photos").root_id
        start = sum(1 for _ in catalogue.known_files(root_id))
        for first, rows in _embeddings(start, count, space.dim, seed):
            files = tuple(_entry(first + at, row) for at, row in enumerate(rows))
            catalogue.apply(CatalogueBatch(root_id, files=files, space=space))
        catalogue.checkpoint()
    return folder


def _embeddings(start: int, count: int, dim: int, seed: int) -> Iterator[tuple[int, Embeddings]]:
    """Embeddings `(n, d)` of the pictures from `start` on, a batch at a time, with its start."""
    topics = np.random.default_rng(seed).standard_normal((TOPICS, dim)).astype(np.float32)
    for first in range(start, count, BATCH):
        rng = np.random.default_rng((seed, first))
        n = min(BATCH, count - first)
        rows = topics[rng.integers(0, TOPICS, n)]
        rows = rows + rng.standard_normal((n, dim)).astype(np.float32)
        yield first, rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _entry(number: int, row: np.ndarray) -> FileEntry:
    name = f"{number // 1000:04d}/{number:07d}.jpg".encode()
    digest = blake3(name).hexdigest()
    return FileEntry(name, 100_000 + number, 10**18 + number, digest, _METADATA, row)
