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
from mmsearch.types import Embeddings, Neighbours
from mmsearch.vectors.installation import faiss_gpus
from mmsearch.vectors.listed import ListedRows, scoring
from mmsearch.vectors.lists import Lists
from mmsearch.vectors.looks import TIERS, Look, Tier
from mmsearch.vectors.recipes import ListsRecipe

logger = logging.getLogger(__name__)

_SCRATCH_BYTES = 1 << 28
"""What FAISS keeps for the work of a search; it would take a gigabyte and a half of a large GPU."""


class GpuRows:
    """Listed rows whose lists are on a GPU, too; thread-safe."""

    def __init__(self, listed: ListedRows, lists: Lists, chooser: faiss.Index) -> None:
        """Take the `chooser`, which holds `lists` on the GPU."""
        self._listed = listed.chosen_by(chooser)
        self._looks = {tier: Look(tier, _parameters(lists.recipe, tier)) for tier in TIERS}
        self._searching = threading.Lock()  # what FAISS keeps on a GPU serves one search at a time

    def look(self, look: Look, queries: Embeddings) -> Neighbours:
        """The first `(q, reach)` of each query `(q, d)`: the GPU chooses, float16 codes score.

        Raises:
            VectorIndexError: One of the blocks scored is damaged.
        """
        with self._searching:
            return self._listed.look(self._looks[look.tier], queries)


def on_gpu(
    listed: ListedRows, lists: Lists, make: Callable[[Lists], faiss.Index] | None = None
) -> GpuRows | None:
    """Rows whose lists are on the first GPU, too; None, with one line of why, where they cannot be.

    `make` gives the copy of the lists there.
    """
    try:
        if make is None:
            _require_gpu()
        return GpuRows(listed, lists, (make or _lists_on_gpu)(lists))
    except (VectorIndexError, RuntimeError, MemoryError) as exc:
        line = (str(exc).strip().splitlines() or [type(exc).__name__])[-1][:300]
        logger.warning("vectors are not searched on the GPU but on the CPU: %s", line)
        return None


def _parameters(recipe: ListsRecipe, tier: Tier) -> faiss.IndexRefineSearchParameters:
    """How the GPU looks into the lists; it can leave out nothing."""
    n_probed = min(recipe.n_lists, recipe.n_probed * tier.breadth)
    return scoring(faiss.SearchParametersIVF(nprobe=n_probed))  # type: ignore[call-arg]  # keyword


def _require_gpu() -> None:
    gpus = faiss_gpus()
    if gpus is None:
        raise VectorIndexError("this FAISS is built without GPUs (install faiss-gpu)")
    if gpus == 0:
        raise VectorIndexError("FAISS finds no GPU that it can use")


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
