"""Large galleries of the distribution of real pictures, and real captions to ask them with.

A gallery is jittered copies of the embeddings of real photographs: `x + 0.25 (y - z)` for three of
them, L2-normalised. The jitter has the covariance of the data; two copies of one picture lie about
as far apart as a picture and a near neighbour. Fewer dimensions than the model's are the first
principal ones of the pictures, of captions alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import mmsearch
from benchmarks.captioned import DATA, read_split
from mmsearch.catalogue import Catalogue
from mmsearch.encoders import EncoderOptions, load_dual_encoder
from mmsearch.protocols import EmbeddingChanges
from mmsearch.types import Embeddings, Modality
from mmsearch.vectors import FaissIndex

JITTER = 0.25
_CHUNK = 1 << 16


class Gallery:
    """An `EmbeddingSource` of float16 embeddings `(n, d)` with ids from 1."""

    def __init__(self, rows: NDArray[np.float16]) -> None:
        self.rows = rows
        self.generation = 1
        self.dim = int(rows.shape[1])

    def count(self) -> int:
        """How many embeddings there are."""
        return len(self.rows)

    def can_replay_from(self, generation: int) -> bool:  # noqa: ARG002 - nothing is forgotten
        """Always."""
        return True

    def changes_since(self, generation: int) -> Iterator[EmbeddingChanges]:
        """All of them, or none."""
        nothing = np.empty(0, np.int64)
        for first in range(0, 0 if generation else len(self.rows), _CHUNK):
            rows = self.rows[first : first + _CHUNK].astype(np.float32)
            ids = np.arange(first + 1, first + 1 + len(rows))
            yield EmbeddingChanges(nothing, ids, rows, self.generation)


def gallery(work: Path, count: int, dim: int, *, quick: bool) -> tuple[Gallery, Embeddings]:
    """A gallery of `count` and captions `(q, dim)` to ask it with; both are kept in `work`."""
    work.mkdir(parents=True, exist_ok=True)
    pictures, captions = _real(work, quick=quick)
    if dim < pictures.shape[1]:
        _, axes = np.linalg.eigh(pictures.T @ pictures / len(pictures))
        axes = axes[:, ::-1][:, :dim]
        pictures, captions = _unit(pictures @ axes), _unit(captions @ axes)
    path = work / f"gallery-{count}-{dim}-{'quick' if quick else 'full'}.npy"
    if not path.exists():
        _jitter(pictures, count, path)
    return Gallery(np.load(path, mmap_mode="r")), captions


def _jitter(pictures: Embeddings, count: int, path: Path) -> None:
    rng = np.random.default_rng(0)
    shape = (count, pictures.shape[1])
    rows = np.lib.format.open_memmap(path, "w+", np.float16, shape)
    for first in range(0, count, _CHUNK):
        n = min(_CHUNK, count - first)
        x, y, z = (pictures[rng.integers(len(pictures), size=n)] for _ in range(3))
        rows[first : first + n] = _unit(x + JITTER * (y - z))
    rows.flush()


def _real(work: Path, *, quick: bool) -> tuple[Embeddings, Embeddings]:
    """Embeddings of photographs and of captions of Flickr8k's test split, by the default model."""
    path = work / f"real-{'quick' if quick else 'full'}.npz"
    if not path.exists():
        test = read_split(DATA / "flickr8k" / "dataset_flickr8k.json", "test")
        folders = [DATA / "flickr8k/images", DATA / "photos_mix/images"]
        places = [one.path for one in test] if quick else folders
        home = work / path.stem
        with mmsearch.open(home=home) as library:
            library.index(places)
            file = library.settings.index_dir / "catalogue.sqlite3"
        encoder = load_dual_encoder("mini", EncoderOptions(work / "models"))
        texts = [text for one in test for text in one.captions]
        parts = [encoder.encode_texts(texts[at : at + 256]) for at in range(0, len(texts), 256)]
        with Catalogue.open(file) as catalogue:
            source = catalogue.source(encoder.space, Modality.IMAGE)
            pictures = [changes.embeddings for changes in source.changes_since(0)]
        np.savez(path, pictures=np.concatenate(pictures), captions=np.concatenate(parts))
    with np.load(path) as kept:
        return kept["pictures"], kept["captions"]


def build_index(source: Gallery, path: Path) -> None:
    """The vector file of a gallery, as the first `mmsearch index` of a large folder leaves it."""
    index = FaissIndex(path, source.dim)
    index.catch_up(source)
    index.save(train=True)


def nearest_ids(source: Gallery, queries: Embeddings, k: int) -> NDArray[np.int64]:
    """The ids `(q, k)` of the nearest, by NumPy brute force."""
    scores = np.full((len(queries), k), -np.inf, np.float32)
    ids = np.zeros((len(queries), k), np.int64)
    for changes in source.changes_since(0):
        products = queries @ changes.embeddings.T
        best = np.argpartition(-products, k, axis=1)[:, :k]
        scores = np.concatenate([scores, np.take_along_axis(products, best, axis=1)], axis=1)
        ids = np.concatenate([ids, changes.ids[best]], axis=1)
        order = np.argsort(-scores, axis=1)[:, :k]
        scores, ids = (np.take_along_axis(one, order, axis=1) for one in (scores, ids))
    return ids


def ann_recall(found: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    """Overlap with exact search, of the mean query."""
    hits = [np.intersect1d(a, b).size for a, b in zip(found, truth, strict=True)]
    return float(np.mean(hits)) / truth.shape[1]


def _unit(rows: Embeddings) -> Embeddings:
    unit: Embeddings = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
