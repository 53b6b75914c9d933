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

_SAMPLE_A_LIST = 40
"""Rows the centres are trained on, for each of them: FAISS warns below 39, more gain little."""

_FIT_SAMPLE = 4096
_ADDED_AT_ONCE = 1 << 16
_IO_BYTES = 1 << 20

DRIFTED = 1.15
"""A gallery that lies so many times as far from the centres as when they were trained has become
another one: a shop's products beside a home's photographs."""

OUTGROWN = 4
"""Lists of a gallery that has become so many times as large are too long."""


class Lists:
    """One-bit codes in lists by the nearest centre, by position in the rows they were made for.

    `misfit` is how far the rows trained on lie from their centres: 1 - cosine, mean.
    """

    def __init__(
        self, recipe: ListsRecipe, index: faiss.Index, trained_on: int, misfit: float
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
        dim = rows.index.d
        index = faiss.index_factory(dim, recipe.factory(dim), faiss.METRIC_INNER_PRODUCT)
        faiss.extract_index_ivf(index).cp.spherical = True
        index.train(sample)
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
            n_lists = faiss.extract_index_ivf(index).nlist
        except (RuntimeError, MemoryError) as exc:
            raise VectorIndexError(f"the lists cannot be read ({exc}): rebuild the index") from exc
        if n_lists != recipe.n_lists:
            raise VectorIndexError("the lists are not of their recipe: rebuild the index")
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
        ivf = faiss.extract_index_ivf(self.index)
        turned = self._rotation().apply(embeddings)
        products, centres = ivf.quantizer.search(turned, 1)
        lengths = np.linalg.norm(ivf.quantizer.reconstruct_batch(centres[:, 0]), axis=1)
        return float(np.mean(1 - products[:, 0] / np.maximum(lengths, 1e-6)))

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
        index = faiss.clone_index(self.index)
        if empty:
            index.reset()
        return Lists(self.recipe, index, self.trained_on, self.misfit)

    def parameters(
        self, selector: faiss.IDSelector | None, breadth: int
    ) -> faiss.SearchParametersPreTransform:
        """How to look into `breadth` times the recipe's lists, among the positions selected."""
        n_probed = min(self.recipe.n_lists, self.recipe.n_probed * breadth)
        # By keywords, which the stubs lack: so made, parameters keep what they point at alive.
        inner = faiss.SearchParametersIVF(nprobe=n_probed, sel=selector)  # type: ignore[call-arg]
        return faiss.SearchParametersPreTransform(index_params=inner)  # type: ignore[call-arg]

    def _rotation(self) -> faiss.VectorTransform:
        """What is done to an embedding before it is looked for in the lists."""
        if not isinstance(self.index, faiss.IndexPreTransform):
            raise VectorIndexError("the lists are without their rotation: rebuild the index")
        chain = self.index.chain
        return faiss.downcast_VectorTransform(chain.at(0))  # type: ignore[attr-defined]  # C++'s


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
