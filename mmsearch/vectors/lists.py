"""Inverted lists over the rows of a large index: they choose which rows a query is scored with."""

from __future__ import annotations

import logging
from typing import BinaryIO

import faiss
import numpy as np
from numpy.typing import NDArray

from mmsearch.errors import VectorIndexError
from mmsearch.types import Embeddings
from mmsearch.vectors.recipes import ListsRecipe
from mmsearch.vectors.rows import Rows

logger = logging.getLogger(__name__)

_SAMPLE_A_LIST = 16
"""Rows the centres are trained on, for each of them: twice as many gain little, and take twice."""

_LINKS = 32
_BREADTH_OF_BUILDING = 80
_BREADTH_OF_FILLING = 32
"""Of the graph over the centres: its links, and how many centres a walk keeps in sight."""

_FIT_SAMPLE = 4096
_ADDED_AT_ONCE = 1 << 16
_IO_BYTES = 1 << 20

_TWO_LEVELS = 1024
_ROUNDS = 8

DRIFTED = 1.15
"""A gallery that lies so many times as far from the centres as when they were trained has become
another one: a shop's products beside a home's photographs."""

OUTGROWN = 4
"""Lists of a gallery that has become so many times as large are too long."""


class Lists:
    """8-bit codes in lists by the nearest centre, by position in the rows they were made for.

    `misfit` is how far the rows trained on lie from their centres: 1 - cosine, mean.
    """

    def __init__(
        self, recipe: ListsRecipe, index: faiss.IndexIVF, trained_on: int, misfit: float
    ) -> None:
        self.recipe = recipe
        self.index = index
        self.trained_on = trained_on
        self.misfit = misfit

    @classmethod
    def train(cls, recipe: ListsRecipe, rows: Rows, seed: int = 0) -> Lists:
        """Empty lists with centres trained on a sample of `rows`."""
        sample = _sample(rows, recipe.n_lists * _SAMPLE_A_LIST, seed)
        logger.info("%d centres are trained on %d embeddings", recipe.n_lists, len(sample))
        graph = _graph(train_centres(sample, recipe.n_lists, seed))
        index = faiss.IndexIVFScalarQuantizer(
            graph,
            rows.index.d,
            recipe.n_lists,
            faiss.ScalarQuantizer.QT_8bit,
            faiss.METRIC_INNER_PRODUCT,
        )
        index.train(sample[: 1 << 16])
        lists = cls(recipe, index, len(rows), 0.0)
        lists.misfit = lists.misfit_of(sample[:_FIT_SAMPLE])
        return lists

    @classmethod
    def read(cls, recipe: ListsRecipe, file: BinaryIO, trained_on: int, misfit: float) -> Lists:
        """The lists that `write` wrote at this place of a file, whose bytes are known to be sound.

        Raises:
            VectorIndexError: They are not of the recipe.
        """
        try:
            index = faiss.read_index(_reader(file))
        except (RuntimeError, MemoryError) as exc:
            raise VectorIndexError(f"its lists cannot be read ({exc})") from exc
        if not isinstance(index, faiss.IndexIVF) or index.nlist != recipe.n_lists:
            raise VectorIndexError("its lists are not of their recipe")
        return cls(recipe, index, trained_on, misfit)

    def write(self, file: BinaryIO) -> None:
        """Put the lists at this place of a file."""
        faiss.write_index(self.index, _writer(file))

    def __len__(self) -> int:
        return int(self.index.ntotal)

    def misfit_of(self, embeddings: Embeddings) -> float:
        """How far embeddings `(n, d)` lie from their nearest centres: 1 - cosine, mean."""
        if not len(embeddings):
            return 0.0
        products, _ = self.index.quantizer.search(embeddings, 1)
        return float(np.mean(1 - products))

    def fits(self, recipe: ListsRecipe, rows: Rows) -> bool:
        """Whether these lists serve all of `rows` well, or others ought to be trained."""
        if recipe != self.recipe or len(rows) > OUTGROWN * self.trained_on:
            return False
        misfit = self.misfit_of(_sample(rows, _FIT_SAMPLE, 0))
        if misfit > DRIFTED * self.misfit:
            logger.info("embeddings lie %.3f from the centres, not %.3f", misfit, self.misfit)
            return False
        return True

    def fill(self, rows: Rows) -> None:
        """Bring the lists to all of `rows`, of which those already in them stay where they are."""
        for first in range(len(self), len(rows), _ADDED_AT_ONCE):
            last = min(first + _ADDED_AT_ONCE, len(rows))
            self.index.add(rows.index.sa_decode(rows.codes()[first:last]))

    def copy(self, *, empty: bool) -> Lists:
        """The same centres, with or without what is in the lists: for rows in another order."""
        index: faiss.IndexIVF = faiss.clone_index(self.index)  # type: ignore[assignment]  # as it was
        if empty:
            index.reset()
        return Lists(self.recipe, index, self.trained_on, self.misfit)

    def parameters(
        self, selector: faiss.IDSelector | None, breadth: int
    ) -> faiss.SearchParametersIVF:
        """How to look into `breadth` times the recipe's lists, among the positions selected."""
        n_probed = min(self.recipe.n_lists, self.recipe.n_probed * breadth)
        # By keywords, which the stubs lack: so made, parameters keep what they point at alive.
        walk = faiss.SearchParametersHNSW(  # type: ignore[attr-defined]  # not in the stubs
            efSearch=n_probed + n_probed // 3
        )
        return faiss.SearchParametersIVF(  # type: ignore[call-arg]
            nprobe=n_probed, sel=selector, quantizer_params=walk
        )


def train_centres(sample: Embeddings, count: int, seed: int) -> Embeddings:
    """L2-normalised centres `(count, d)` of a sample `(n, d)`, by k-means, n >= count.

    Many centres are trained in two levels: those of each of `sqrt(count)` regions alone, as many
    as its share of the sample. That takes seconds where k-means over all takes minutes.
    """
    if count < _TWO_LEVELS:
        return _k_means(sample, count, seed)
    regions = faiss.IndexFlatIP(sample.shape[1])
    regions.add(_k_means(sample, round(count**0.5), seed))
    nearest = regions.search(sample, 1)[1][:, 0]
    sizes = np.bincount(nearest, minlength=regions.ntotal)
    members = np.split(np.argsort(nearest, kind="stable"), np.cumsum(sizes)[:-1])
    shares = np.diff(np.cumsum(sizes) * count // len(sample), prepend=0)
    return np.concatenate(
        [
            _k_means(sample[rows], int(share), seed)
            for rows, share in zip(members, shares, strict=True)
            if share
        ]
    )


def _k_means(sample: Embeddings, count: int, seed: int) -> Embeddings:
    """FAISS's k-means on the unit sphere."""
    clustering = faiss.Kmeans(
        sample.shape[1],
        count,
        niter=_ROUNDS,
        spherical=True,
        seed=seed + 1,
        min_points_per_centroid=1,
        max_points_per_centroid=len(sample),
    )
    clustering.train(sample)
    centres: Embeddings = clustering.centroids  # type: ignore[assignment]  # once it is trained
    return centres


def _graph(centres: Embeddings) -> faiss.IndexHNSWSQ:
    """A graph over centres `(c, d)`, the same each time: with several threads it would not be."""
    graph = faiss.IndexHNSWSQ(
        centres.shape[1],
        faiss.ScalarQuantizer.QT_fp16,  # type: ignore[arg-type]  # the stubs are wrong
        _LINKS,
        faiss.METRIC_INNER_PRODUCT,
    )
    graph.hnsw.efConstruction = _BREADTH_OF_BUILDING
    graph.hnsw.efSearch = _BREADTH_OF_FILLING
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        graph.train(centres)
        graph.add(centres)
    finally:
        faiss.omp_set_num_threads(before)
    return graph


def _reader(file: BinaryIO) -> faiss.IOReader:
    reader: faiss.IOReader = faiss.PyCallbackIOReader(  # type: ignore[attr-defined]  # not in stubs
        file.read, _IO_BYTES
    )
    return reader


def _writer(file: BinaryIO) -> faiss.IOWriter:
    writer: faiss.IOWriter = faiss.PyCallbackIOWriter(  # type: ignore[attr-defined]  # not in stubs
        file.write, _IO_BYTES
    )
    return writer


def _sample(rows: Rows, count: int, seed: int) -> NDArray[np.float32]:
    """Embeddings `(m, d)` of at most `count` rows, drawn without order."""
    if not len(rows):
        return np.empty((0, rows.index.d), np.float32)
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(rows))[:count]
    sample: NDArray[np.float32] = rows.index.sa_decode(rows.codes()[chosen])
    return sample
