"""Which kind of FAISS index serves how many embeddings: one line a recipe.

Whatever the recipe, every embedding is kept as a float16 code, which gives all scores that anybody
sees. Inverted lists beside them only choose which codes are scored.
"""

from __future__ import annotations

from dataclasses import dataclass

import faiss

from mmsearch.errors import VectorIndexError


@dataclass(frozen=True, slots=True)
class ListsRecipe:
    """Inverted lists that choose the embeddings to score.

    A query looks into the `n_probed` of `n_lists` lists whose centres are nearest to it, and
    takes the best `n_scored` by codes of one bit a dimension.
    """

    n_lists: int
    n_probed: int
    n_scored: int

    def factory(self, dim: int) -> str:
        """FAISS's name of it. One bit codes need dimensions of equal weight: a random rotation."""
        return f"RR{dim},IVF{self.n_lists},RaBitQfs"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How galleries of `min_count` embeddings and more are kept: codes, and lists beyond a size.

    `factory` is of the codes. It must give an index that keeps one code a row, in the order of
    adding, and needs no training: `Rows` drops and copies codes by position. Without `lists` a
    search is exact.
    """

    name: str
    factory: str
    min_count: int
    lists: ListsRecipe | None = None

    @property
    def exact(self) -> bool:
        """Whether every search gives exactly the nearest."""
        return self.lists is None


RECIPES = (
    # Exact up to rounding: a float16 code is what the catalogue holds anyhow, and an exact scan
    # is bound by memory, so half the bytes are twice the speed of float32.
    Recipe("exact-float16", "SQfp16", min_count=0),
    # About 10 ms a scan of 512 dimensions, half a millisecond by lists.
    Recipe("lists-1024", "SQfp16", 100_000, ListsRecipe(1024, n_probed=24, n_scored=256)),
    Recipe("lists-2048", "SQfp16", 500_000, ListsRecipe(2048, n_probed=24, n_scored=256)),
    Recipe("lists-8192", "SQfp16", 3_000_000, ListsRecipe(8192, n_probed=48, n_scored=768)),
)


def recipe_for(count: int) -> Recipe:
    """The recipe for a gallery of `count` embeddings: the last one that it is large enough for."""
    return [recipe for recipe in RECIPES if recipe.min_count <= count][-1]


def recipe_named(name: str) -> Recipe:
    """The recipe of a name.

    Raises:
        VectorIndexError: This version has no such recipe.
    """
    for recipe in RECIPES:
        if recipe.name == name:
            return recipe
    raise VectorIndexError(f"index recipe {name} is unknown to this version: rebuild the index")


def make_index(recipe: Recipe, dim: int) -> faiss.IndexFlatCodes:
    """An empty inner-product index of codes for embeddings of dimension `dim`.

    Raises:
        VectorIndexError: The recipe does not give an index that keeps its promises.
    """
    index = faiss.index_factory(dim, recipe.factory, faiss.METRIC_INNER_PRODUCT)
    if not isinstance(index, faiss.IndexFlatCodes) or not index.is_trained:
        raise VectorIndexError(f"index recipe {recipe.name} keeps no codes by row: change it")
    return index
