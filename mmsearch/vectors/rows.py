"""The embeddings of a vector index as FAISS codes, with their ids."""

from __future__ import annotations

import faiss
import numpy as np
from numpy.typing import NDArray

from mmsearch.errors import VectorIndexError
from mmsearch.types import Embeddings, Ids
from mmsearch.vectors.recipes import Recipe


class Rows:
    """Codes in the order of adding, and the id of each.

    Ids are kept here and not in a FAISS id map, whose lookup table takes seconds to build for
    ten million rows. `mapped` codes are pages of a file: they can be searched but not changed, so
    the first change copies them. `owner` is the FAISS object that frees a mapped `index`.
    """

    def __init__(
        self,
        recipe: Recipe,
        index: faiss.IndexFlatCodes,
        ids: Ids,
        owner: faiss.Index | None = None,
    ) -> None:
        self.recipe = recipe
        self.index = index
        self._owner = owner
        self._id_chunks = [ids]
        self._highest = int(ids.max(initial=-1))
        self._order: NDArray[np.int64] | None = None
        self._order_known = False
        self._floats: Embeddings | None = None
        self._views: dict[tuple[int, int], faiss.IndexFlatCodes] = {}

    @classmethod
    def empty(cls, recipe: Recipe, dim: int) -> Rows:
        """Rows to be filled."""
        return cls(recipe, make_index(recipe, dim), np.empty(0, dtype=np.int64))

    def __len__(self) -> int:
        return int(self.index.ntotal)

    @property
    def mapped(self) -> bool:
        """Whether the codes are pages of a file."""
        return self._owner is not None and not self.index.codes.is_owned

    @property
    def ids(self) -> Ids:
        """Ids `(n,)` by position."""
        if len(self._id_chunks) > 1:
            self._id_chunks = [np.concatenate(self._id_chunks)]
        return self._id_chunks[0]

    def codes(self) -> NDArray[np.uint8]:
        """Codes `(n, code_size)`: a view, not a copy, valid until the next change."""
        if len(self) == 0:
            return np.empty((0, self.index.code_size), dtype=np.uint8)
        size = len(self) * self.index.code_size
        view: NDArray[np.uint8] = faiss.rev_swig_ptr(self.index.codes.data(), size)
        return view.reshape(len(self), self.index.code_size)

    def view(self, first: int, stop: int) -> faiss.IndexFlatCodes:
        """The rows at positions from `first` to before `stop`: no copy, valid until a change."""
        view = self._views.get((first, stop))
        if view is None:
            view = make_index(self.recipe, self.index.d)
            codes, held = self.codes()[first:stop], self.index.codes
            view.codes = type(held).create_view(faiss.swig_ptr(codes), codes.nbytes, held.owner)
            view.ntotal = len(codes)
            self._views[first, stop] = view
        return view

    def floats(self) -> Embeddings:
        """Embeddings `(n, d)` as their codes have them, decoded once and kept until a change."""
        if self._floats is None:
            self._floats = self.index.sa_decode(self.codes())
        return self._floats

    def positions(self, ids: Ids) -> NDArray[np.int64]:
        """Positions `(p,)`, ascending, of those `ids` that are held."""
        # New ids are mostly above all old ones: that must not cost a sort for each run added.
        wanted = np.unique(ids[ids <= self._highest])
        if len(wanted) == 0:
            return wanted
        held, order = self.ids, self._sorted()
        places = np.minimum(np.searchsorted(held, wanted, sorter=order), len(held) - 1)
        if order is not None:
            places = order[places]
        return np.sort(places[held[places] == wanted])

    def _sorted(self) -> NDArray[np.int64] | None:
        """Positions by rising id, None where that is their order: sorting ten million takes 1 s."""
        if not self._order_known:
            held = self.ids
            rising = bool((held[1:] > held[:-1]).all())
            self._order = None if rising else np.argsort(held, kind="stable")
            self._order_known = True
        return self._order

    def subset(self, positions: NDArray[np.int64]) -> Rows:
        """A copy of the rows at some positions."""
        index = make_index(self.recipe, self.index.d)
        if len(positions):
            index.add_sa_codes(self.codes()[positions])
        return Rows(self.recipe, index, self.ids[positions])

    def without(self, ids: Ids) -> Rows:
        """These rows less those of some ids; the same object when none of them is held."""
        gone = self.positions(ids)
        if len(gone) == 0:
            return self
        keep = np.ones(len(self), dtype=np.bool_)
        keep[gone] = False
        return self.subset(np.flatnonzero(keep))

    def append_codes(self, rows: Rows) -> None:
        """Add a copy of other rows, whose ids are not held yet; codes must not be mapped."""
        self.index.add_sa_codes(rows.codes())
        self._added(rows.ids)

    def append(self, ids: Ids, embeddings: Embeddings) -> None:
        """Add rows `(n, d)` under ids `(n,)` that are not held yet; codes must not be mapped."""
        self.index.add(np.ascontiguousarray(embeddings, dtype=np.float32))
        self._added(ids)

    def _added(self, ids: Ids) -> None:
        self._id_chunks.append(ids)
        self._highest = max(self._highest, int(ids.max(initial=-1)))
        self._order_known = False
        self._floats = None
        self._views.clear()


def make_index(recipe: Recipe, dim: int) -> faiss.IndexFlatCodes:
    """An empty inner-product index of codes for embeddings of dimension `dim`.

    Raises:
        VectorIndexError: The recipe does not give an index that keeps its promises.
    """
    index = faiss.index_factory(dim, recipe.factory, faiss.METRIC_INNER_PRODUCT)
    if not isinstance(index, faiss.IndexFlatCodes) or not index.is_trained:
        raise VectorIndexError(f"index recipe {recipe.name} keeps no codes by row: change it")
    return index
