"""The embeddings of a large index on a GPU: it chooses, and their float16 codes score.

A GPU compares a query with every embedding in less time than a processor takes for the lists, so
there it needs no structure: flat, in half precision. Scores are those of the codes, whoever
chose: an answer does not depend on where it was made, but for what the lists would have missed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import faiss
import numpy as np

from mmsearch.errors import VectorIndexError
from mmsearch.types import Embeddings, Neighbours
from mmsearch.vectors.blocks import Blocks
from mmsearch.vectors.installation import faiss_gpus
from mmsearch.vectors.looks import Look
from mmsearch.vectors.ranking import nearest_by_scan
from mmsearch.vectors.rows import Rows

logger = logging.getLogger(__name__)

_AT_ONCE = 1 << 16


class GpuRows:
    """The rows of a file, copied to a GPU; thread-safe."""

    def __init__(self, rows: Rows, blocks: Blocks, index: faiss.Index) -> None:
        """Take an empty `index` for inner products on the GPU, and fill it.

        Raises:
            VectorIndexError: The file is damaged.
            RuntimeError: The GPU has too little memory.
        """
        self._rows = rows
        self._blocks = blocks
        self._index = index
        self._searching = threading.Lock()  # what FAISS keeps on a GPU serves one search at a time
        blocks.check_all(rows.index.code_size)
        for first in range(0, len(rows), _AT_ONCE):
            codes = rows.codes()[first : first + _AT_ONCE]
            index.add(rows.index.sa_decode(codes))

    def look(self, look: Look, queries: Embeddings) -> Neighbours:
        """The first `(q, reach)` of each query `(q, d)`: the GPU chooses, float16 codes score.

        Raises:
            VectorIndexError: The file is damaged where the search leads.
        """
        tier = look.tier
        with self._searching:
            _, found = self._index.search(queries, min(tier.n_scored, len(self._rows)))
        self._blocks.check(found, self._rows.index.code_size)
        ids = np.empty((len(queries), tier.reach), np.int64)
        scores = np.empty((len(queries), tier.reach), np.float32)
        for number, positions in enumerate(found):
            among = self._rows.subset(np.sort(positions))
            near = nearest_by_scan(among, queries[number : number + 1], tier.reach, None)
            ids[number], scores[number] = near.ids[0], near.scores[0]
        return Neighbours(ids, scores, exact=False)


def on_gpu(
    rows: Rows, blocks: Blocks, make: Callable[[int], faiss.Index] | None = None
) -> GpuRows | None:
    """Rows on the first GPU; None, with one line of why, where that is not possible.

    `make` gives the empty index there, by the dimension.
    """
    try:
        if make is None:
            _require_gpu()
        return GpuRows(rows, blocks, (make or _flat_on_gpu)(rows.index.d))
    except (VectorIndexError, RuntimeError, MemoryError) as exc:
        line = (str(exc).strip().splitlines() or [type(exc).__name__])[-1][:300]
        logger.warning("vectors are not searched on the GPU but on the CPU: %s", line)
        return None


def _require_gpu() -> None:
    gpus = faiss_gpus()
    if gpus is None:
        raise VectorIndexError("this FAISS is built without GPUs (install faiss-gpu)")
    if gpus == 0:
        raise VectorIndexError("FAISS finds no GPU that it can use")


def _flat_on_gpu(dim: int) -> faiss.Index:
    """An empty index for inner products on the first GPU, in half precision."""
    resources = faiss.StandardGpuResources()
    config = faiss.GpuIndexFlatConfig()
    config.useFloat16 = True
    index: faiss.Index = faiss.GpuIndexFlatIP(resources, dim, config)
    return index
