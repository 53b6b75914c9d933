"""When files that are gone wait for a word before they leave the index."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsearch.engine.mass_removal import held_back_text, is_mass_removal
from mmsearch.types import HeldBack


@pytest.mark.parametrize(
    ("n_gone", "n_known", "waits"),
    [
        (0, 0, False),
        (0, 100, False),
        (3, 4, False),
        (9, 9, False),
        (10, 10, True),
        (10, 19, True),
        (10, 20, False),
        (50, 100, False),
        (51, 100, True),
        (4_812, 5_000, True),
    ],
)
def test_more_than_half_and_not_merely_a_few_is_a_mass_removal(
    n_gone: int, n_known: int, *, waits: bool
) -> None:
    assert is_mass_removal(n_gone, n_known) is waits


def test_the_line_tells_how_many_where_and_what_to_do() -> None:
    text = held_back_text(HeldBack(Path("/photos"), 4812, 5000))
    assert "4,812 of 5,000 pictures below /photos are gone" in text
    assert "'mmsearch index /photos --yes'" in text
