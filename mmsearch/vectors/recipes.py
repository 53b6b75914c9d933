"""Which kind of FAISS index serves how many embeddings: one line a recipe."""

from __future__ import annotations

from dataclasses import dataclass

import faiss

from mmsearch.errors import VectorIndexError


@dataclass(frozen=True, slots=True)
class Recipe:
    """A FAISS index by its factory string, for galleries of `min_count` embeddings and more.

    `factory` must give an index that keeps one code a row, in the order of adding, and needs no
    training: `Rows` drops and copies codes by position.
    """

    name: str
    factory: str
    min_count: int


RECIPES = (
    # Exact up to rounding: a float16 code is what the catalogue holds anyhow, and an exact scan
    # is bound by memory, so half the bytes are twice the speed of float32.
    Recipe("exact-float16", "SQfp16", min_count=0),
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
    """An empty inner-product index for embeddings of dimension `dim`.

    Raises:
        VectorIndexError: The recipe does not give an index that keeps its promises.
    """
    index = faiss.index_factory(dim, recipe.factory, faiss.METRIC_INNER_PRODUCT)
    if not isinstance(index, faiss.IndexFlatCodes) or not index.is_trained:
        raise VectorIndexError(f"index recipe {recipe.name} keeps no codes by row: change it")
    return index
