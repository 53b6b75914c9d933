"""Tells an accident from a clean-up: where most of a folder is gone at once, somebody is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmsearch.engine.survey import EMPTY_IS_ABSENT_FROM

if TYPE_CHECKING:
    from mmsearch.types import HeldBack


def is_mass_removal(n_gone: int, n_known: int) -> bool:
    """Whether so many files of a folder are gone that they may not have been meant to be.

    More than half, and not merely a few: of four pictures three are soon deleted.
    """
    return n_gone >= EMPTY_IS_ABSENT_FROM and 2 * n_gone > n_known


def held_back_text(held: HeldBack) -> str:
    """One line: what is gone, that it is kept, what to do."""
    return (
        f"{held.n_gone:,} of {held.n_known:,} pictures below {held.path} are gone or left out: "
        f"they are kept; 'mmsearch index {held.path} --yes' removes them from the index"
    )
