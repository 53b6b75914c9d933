"""Which lists a growing index gets: those it has, brought up to date, or newly trained ones."""

from __future__ import annotations

from mmsearch.vectors.base import Base
from mmsearch.vectors.lists import Lists
from mmsearch.vectors.recipes import recipe_for
from mmsearch.vectors.rows import Rows


def lacks_lists(base: Base | None, count: int) -> bool:
    """Whether an index of `count` rows, those of `base` among them, would do better with lists.

    With others, if it has some: for a larger gallery, or for another kind of embeddings.
    """
    wanted = recipe_for(count).lists
    if wanted is None:
        return False
    if base is None or base.lists is None:
        return True
    return not base.lists.fits(wanted, base.rows)


def give_lists(rows: Rows, base: Base | None, *, train: bool) -> Lists | None:
    """The lists to save with `rows`, which get their recipe; new ones are made only with `train`.

    `rows` begin with what `base` holds, in its order, unless something was removed from it.
    """
    wanted = recipe_for(len(rows))
    if base is not None and base.lists is not None:
        fits = wanted.lists is not None and base.lists.fits(wanted.lists, rows)
        if fits or not train:
            rows.recipe = base.rows.recipe
            lists = base.lists.copy(empty=len(base.removed) > 0)
            lists.fill(rows)
            return lists
    rows.recipe = wanted
    if wanted.lists is None or not train:
        return None
    lists = Lists.train(wanted.lists, rows)
    lists.fill(rows)
    return lists
