"""What searches a large gallery with a GPU: mmsearch, FAISS's own indexes, and bare products."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.real_vectors import Gallery
from mmsearch.types import Embeddings
from mmsearch.vectors import FaissIndex

K = 10
PROBES = 64
_TRAINED_ON = 64
"""Rows a list that FAISS's k-means is trained on: its least is 39, its most 256."""
_ROUNDS = 8

Search: TypeAlias = Callable[[Embeddings], NDArray[np.int64]]
"""Ids `(q, k)`, from 1, of queries `(q, d)`."""


@dataclass(frozen=True, slots=True)
class Flat:
    """FAISS's exact search on the GPU."""

    half: bool

    def build(self, source: Gallery) -> Search:
        """Put all embeddings on the GPU."""
        config = faiss.GpuIndexFlatConfig()
        config.useFloat16 = self.half
        index = faiss.GpuIndexFlatIP(faiss.StandardGpuResources(), source.dim, config)
        return filled(index, source)


@dataclass(frozen=True, slots=True)
class Lists:
    """FAISS's inverted lists on the GPU, by an encoder of its factory; trained there, too."""

    codes: str

    def build(self, source: Gallery) -> Search:
        """Train the centres on a sample, then put all embeddings into their lists."""
        n_lists = 1 << round(np.log2(4 * source.count() ** 0.5))
        resources = faiss.StandardGpuResources()
        centres = faiss.GpuIndexFlatIP(resources, source.dim)
        if self.codes == "float32":
            index = faiss.GpuIndexIVFFlat(
                resources, centres, source.dim, n_lists, faiss.METRIC_INNER_PRODUCT
            )
        else:
            kind = getattr(faiss.ScalarQuantizer, self.codes)
            index = faiss.GpuIndexIVFScalarQuantizer(
                resources, centres, source.dim, n_lists, kind, faiss.METRIC_INNER_PRODUCT
            )
        index.cp.niter, index.cp.spherical = _ROUNDS, True
        index.cp.max_points_per_centroid = _TRAINED_ON
        chosen = np.random.default_rng(0).permutation(source.count())[: n_lists * _TRAINED_ON]
        index.train(source.rows[np.sort(chosen)].astype(np.float32))
        index.nprobe = PROBES
        return filled(index, source)


class Products:
    """Products of all embeddings with all queries in half precision, in torch: the bare work."""

    def __init__(self, device: str) -> None:
        self._device = device

    def build(self, source: Gallery) -> Search:
        """Put all embeddings on the GPU."""
        shape = (source.count(), source.dim)
        rows = torch.empty(shape, dtype=torch.float16, device=self._device)
        for first, some in parts(source, self._device):
            rows[first : first + len(some)] = some

        def search(queries: Embeddings) -> NDArray[np.int64]:
            asked = torch.from_numpy(queries).to(self._device, torch.float16)
            step = max(1, (1 << 31) // len(rows))  # 4 GB of scores at once
            found = [(part @ rows.T).topk(K).indices for part in asked.split(step)]
            ids: NDArray[np.int64] = torch.cat(found).cpu().numpy() + 1
            return ids

        return search


def filled(index: faiss.Index, source: Gallery) -> Search:
    """The index with all of a gallery in it, as a search."""
    for changes in source.changes_since(0):
        index.add(changes.embeddings)
    return lambda queries: index.search(queries, K)[1] + 1


def ours(index: FaissIndex) -> Search:
    """mmsearch's, wherever it searches."""
    return lambda queries: index.search(queries, K).ids


def nearest_ids(source: Gallery, queries: Embeddings, device: str) -> NDArray[np.int64]:
    """The ids `(q, k)` of the nearest by float32 products, a part of the gallery at a time."""
    asked = torch.from_numpy(queries).to(device)
    scores = torch.empty(len(queries), 0, device=device)
    ids = torch.empty(len(queries), 0, dtype=torch.int64, device=device)
    for first, rows in parts(source, device):
        near = (asked @ rows.T).topk(K)
        scores = torch.cat([scores, near.values], 1)
        ids = torch.cat([ids, near.indices + first + 1], 1)
        scores, places = scores.topk(K)
        ids = ids.gather(1, places)
    found: NDArray[np.int64] = ids.cpu().numpy()
    return found


def parts(source: Gallery, device: str) -> Iterator[tuple[int, torch.Tensor]]:
    """First position and embeddings `(m, d)` float32 on the device, part after part."""
    step = 1 << 18
    for first in range(0, source.count(), step):
        rows = torch.from_numpy(np.array(source.rows[first : first + step]))
        yield first, rows.to(device).float()
