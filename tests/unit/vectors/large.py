"""A large index forced at a small size: its embeddings, how it is built, how well it finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmsearch.types import Embeddings
from mmsearch.vectors import FaissIndex, ReferenceIndex
from mmsearch.vectors.recipes import ListsRecipe, Recipe
from tests.vector_sources import ListSource, unit_rows

DIM = 32
COUNT = 3000
RECIPES = (
    Recipe("exact", "SQfp16", 0),
    Recipe("some-lists", "SQfp16", 1000, ListsRecipe(16, n_probed=6)),
    Recipe("more-lists", "SQfp16", 6000, ListsRecipe(32, n_probed=8)),
)


def clustered(count: int, seed: int, around: int = 1) -> Embeddings:
    """Embeddings around 20 centres, as pictures of a few subjects are."""
    rng = np.random.default_rng(seed)
    centres = unit_rows(20, DIM, around)
    rows = centres[rng.integers(20, size=count)] + 0.12 * rng.standard_normal((count, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def source_of(count: int = COUNT) -> ListSource:
    source = ListSource(DIM)
    source.put(list(range(1, count + 1)), clustered(count, 0))
    return source


def built(path: Path, source: ListSource) -> FaissIndex:
    index = FaissIndex.open(path, DIM)
    index.catch_up(source)
    assert index.save(train=True)
    return index


def recall(index: FaissIndex, source: ListSource, k: int = 10, allowed=None) -> float:
    """`ann_recall@k` of 50 questions against brute force."""
    queries = clustered(50, 5)
    reference = ReferenceIndex(DIM)
    reference.catch_up(source)
    found, truth = (one.search(queries, k, allowed) for one in (index, reference))
    hits = [np.intersect1d(a, b).size for a, b in zip(found.ids, truth.ids, strict=True)]
    return float(np.mean(hits)) / k
