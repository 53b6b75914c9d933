"""Which kind of FAISS index serves how many embeddings: one line a recipe.

Whatever the recipe, every embedding is kept as a float16 code, which gives all scores that anybody
sees. Inverted lists beside them only choose which codes are scored.
"""

from __future__ import annotations

from dataclasses import dataclass

from mmsearch.errors import VectorIndexError


@dataclass(frozen=True, slots=True)
class ListsRecipe:
    """Inverted lists that choose the embeddings to score.

    Embeddings lie in `n_lists` lists by the nearest centre, each as the difference from it in 8
    bits a dimension; a graph over the centres (HNSW; Malkov and Yashunin, 2016) finds the
    `n_probed` nearest to a query.
    """

    n_lists: int
    n_probed: int


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
    # Many short lists: a graph finds the nearest of 32,768 centres in 70 us, and a query then reads
    # 2,000 codes of a million. Probes are chosen with room to spare on captions of the validation
    # split: pictures of which no two are alike have their nearest further apart.
    Recipe("lists-4096", "SQfp16", 100_000, ListsRecipe(4096, n_probed=64)),
    Recipe("lists-16384", "SQfp16", 400_000, ListsRecipe(16_384, n_probed=64)),
    Recipe("lists-32768", "SQfp16", 900_000, ListsRecipe(32_768, n_probed=64)),
    Recipe("lists-131072", "SQfp16", 3_000_000, ListsRecipe(131_072, n_probed=96)),
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
