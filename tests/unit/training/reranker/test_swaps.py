"""Captions made wrong by exchanging two words."""

from __future__ import annotations

import pytest

from mmsearch.training.reranker.swaps import swapped_twins


@pytest.mark.parametrize(
    ("caption", "twins"),
    [
        ("A man throws a ball .", ("A ball throws a man .",)),
        ("Man on a horse", ("Horse on a man",)),
        ("a black dog chases a white cat", ("a white dog chases a black cat",
                                           "a black cat chases a white dog")),
        ("a girl in a red shirt", ("a shirt in a red girl",)),
        ("two dogs run", ()),
        ("", ()),
    ],
)  # fmt: skip
def test_two_colours_or_two_nouns_change_places(caption: str, twins: tuple[str, ...]) -> None:
    """Only words of one kind, each pair once."""
    assert swapped_twins(caption) == twins


@pytest.mark.parametrize(
    "caption",
    [
        "a man and a woman",
        "a dog next to a cat",
        "a black and white dog",
        "a brown dog and a black dog",
        "a man near another man",
    ],
)
def test_twins_that_mean_the_same_are_left_out(caption: str) -> None:
    """Their captions would be as right as the ones they are made of."""
    assert swapped_twins(caption) == ()
