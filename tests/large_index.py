"""Lets some dozen pictures be kept as millions are: a mapped file, lists, changes beside it.

The thresholds are constants of `mmsearch.vectors`. Here they are lowered, in this process only: by
the test for as long as a seed takes, by a forked child for its life.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module

from mmsearch.vectors.looks import Tier

LEAST_WITH_LISTS = 12
"""So few embeddings get lists."""

_SOME_MORE = 40
"""So many get more of them, for which others are trained."""

_TIERS = (Tier(4, 8, 1), Tier(8, 16, 2))

_LOWERED: dict[str, dict[str, object]] = {
    "faiss_index": {"SMALL": 8},
    "base": {"FEW": 2, "TIERS": _TIERS},
    "listed": {"TIERS": _TIERS},
    "recent": {"CHANGES_ONE_IN": 2, "MOST_CHANGES": 8},
    # Damage of a large file is not seen when it is opened, but when the search comes to it.
    "files": {"CHECKED_AT_ONCE": 0},
    "manifest": {"SAMPLES": 2, "SAMPLE_BYTES": 64},
}


def lower_thresholds() -> None:
    """Let this process take an index of a dozen rows for a large one, from now on."""
    for module, name, value in _changed():
        setattr(module, name, value)


@contextmanager
def lowered_thresholds() -> Iterator[None]:
    """The same for a while."""
    before = [(module, name, getattr(module, name)) for module, name, _ in _changed()]
    lower_thresholds()
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def _changed() -> list[tuple[object, str, object]]:
    """Modules of `mmsearch.vectors`, with the names in them and what these are to be."""
    changed: list[tuple[object, str, object]] = [
        (import_module("mmsearch.vectors.recipes"), "RECIPES", _recipes())
    ]
    for name, values in _LOWERED.items():
        module = import_module(f"mmsearch.vectors.{name}")
        changed += [(module, constant, value) for constant, value in values.items()]
    for module, name, _ in changed:
        assert hasattr(module, name), f"{module} has no {name} any more: look for its successor"
    return changed


def _recipes() -> tuple[object, ...]:
    """The first recipe of each kind that there is, with few and small lists where it has any."""
    from mmsearch.vectors.recipes import RECIPES

    exact, *others = RECIPES
    made = [exact]
    for recipe, count, n_lists in zip(others, (LEAST_WITH_LISTS, _SOME_MORE), (3, 5), strict=False):
        assert recipe.lists is not None
        lists = replace(recipe.lists, n_lists=n_lists, n_probed=2)
        made.append(replace(recipe, min_count=count, lists=lists))
    return tuple(made)
