"""The lists of a large index on a GPU: they choose there, and the float16 codes score here.

The GPU gets a copy of the lists as they are in the file, trained and filled. Where the lists of
the CPU walk a graph to the nearest centres, the GPU compares a query with all of them. Scores are
those of the codes, whoever chose, so an answer does not depend on where it was made.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import faiss

from mmsearch.errors import VectorIndexError
from mmsearch.runtime.cuda import free_cuda_bytes
from mmsearch.types import Embeddings, Neighbours
from mmsearch.vectors.installation import faiss_gpus
from mmsearch.vectors.listed import ListedRows, scoring
from mmsearch.vectors.lists import Lists
from mmsearch.vectors.looks import TIERS, Look, Tier
from mmsearch.vectors.recipes import ListsRecipe

logger = logging.getLogger(__name__)

_SCRATCH_BYTES = 1 << 28
"""What FAISS keeps for the work of a search; it would take a gigabyte and a half of a large GPU."""
_RUNTIME_BYTES = 1 << 29
"""Room for CUDA's own libraries and for what outgrows the scratch."""
_CODES_A_LIST = 48
"""So many codes more than it holds a list takes there: it is cut into blocks of 32 and aligned."""


class GpuRows:
    """Listed rows whose lists are on a GPU, too; thread-safe.

    Where the GPU fails, the lists here do the work from then on.
    """

    def __init__(self, listed: ListedRows, lists: Lists, chooser: faiss.Index) -> None:
        """Take the `chooser`, which holds `lists` on the GPU."""
        self._here = listed
        self._there: ListedRows | None = listed.chosen_by(chooser)
        self._looks = {tier: Look(tier, _parameters(lists.recipe, tier)) for tier in TIERS}
        self._searching = threading.Lock()  # what FAISS keeps on a GPU serves one search at a time

    def look(self, look: Look, queries: Embeddings) -> Neighbours:
        """The first `(q, reach)` of each query `(q, d)`: the GPU chooses, float16 codes score.

        Raises:
            VectorIndexError: One of the blocks scored is damaged.
        """
        with self._searching:
            if self._there is not None:
                try:
                    return self._there.look(self._looks[look.tier], queries)
                except RuntimeError as exc:  # as FAISS says that others took the memory meanwhile
                    _warn(exc)
                    self._there = None
        return self._here.look(look, queries)


def on_gpu(
    listed: ListedRows, lists: Lists, make: Callable[[Lists], faiss.Index] | None = None
) -> GpuRows | None:
    """Rows whose lists are on the first GPU, too; None, with one line of why, where they cannot be.

    `make` gives the copy of the lists there.
    """
    try:
        if make is None:
            _require_gpu(lists)
        return GpuRows(listed, lists, (make or _lists_on_gpu)(lists))
    except (VectorIndexError, RuntimeError, MemoryError) as exc:
        _warn(exc)
        return None


def _warn(exc: Exception) -> None:
    line = (str(exc).strip().splitlines() or [type(exc).__name__])[-1][:300]
    logger.warning("vectors are not searched on the GPU but on the CPU: %s", line)


def _parameters(recipe: ListsRecipe, tier: Tier) -> faiss.IndexRefineSearchParameters:
    """How the GPU looks into the lists; it can leave out nothing."""
    n_probed = min(recipe.n_lists, recipe.n_probed * tier.breadth)
    return scoring(faiss.SearchParametersIVF(nprobe=n_probed))  # type: ignore[call-arg]  # keyword


def _require_gpu(lists: Lists) -> None:
    """Pass where a GPU has room for the lists.

    FAISS itself is not to find out: where its own start lacks memory, it ends the process.

    Raises:
        VectorIndexError: There is none, or too little is free of its memory.
    """
    gpus = faiss_gpus()
    if gpus is None:
        raise VectorIndexError("this FAISS is built without GPUs (install faiss-gpu)")
    if gpus == 0:
        raise VectorIndexError("FAISS finds no GPU that it can use")
    free, needed = free_cuda_bytes(), _needed_bytes(lists)
    if free is not None and free < needed:
        raise VectorIndexError(
            f"of the GPU's memory {free / 1e9:.1f} GB are free, {needed / 1e9:.1f} GB are needed"
        )


def _needed_bytes(lists: Lists) -> int:
    """Memory of a GPU that surely does for the lists, and for searching them."""
    index = lists.index
    codes = len(lists) + _CODES_A_LIST * index.nlist
    return int(codes * (index.code_size + 4)) + _SCRATCH_BYTES + _RUNTIME_BYTES


def _lists_on_gpu(lists: Lists) -> faiss.Index:
    """A copy of the lists on the first GPU, which keeps the centres in half precision."""
    resources = faiss.StandardGpuResources()
    resources.setTempMemory(_SCRATCH_BYTES)
    config = faiss.GpuIndexIVFScalarQuantizerConfig()  # type: ignore[attr-defined]  # not in stubs
    config.indicesOptions = faiss.INDICES_32_BIT  # type: ignore[attr-defined]
    config.flatConfig.useFloat16 = True
    index: faiss.Index = faiss.GpuIndexIVFScalarQuantizer(  # type: ignore[attr-defined]
        resources, with_flat_centres(lists), config
    )
    return index


def with_flat_centres(lists: Lists) -> faiss.IndexIVF:
    """The same lists, not a copy, whose centres are compared one by one: no GPU walks a graph."""
    held = lists.index
    if not isinstance(held, faiss.IndexIVFScalarQuantizer) or held.invlists is None:
        raise VectorIndexError("its lists are not of a kind that a GPU takes")
    centres = faiss.IndexFlatIP(held.d)
    centres.add(held.quantizer.reconstruct_n(0, held.nlist))
    index = faiss.IndexIVFScalarQuantizer(
        centres, held.d, held.nlist, held.sq.qtype, faiss.METRIC_INNER_PRODUCT, held.by_residual
    )
    index.sq = held.sq
    index.is_trained = True
    index.ntotal = held.ntotal
    index.replace_invlists(held.invlists, False)
    return index
