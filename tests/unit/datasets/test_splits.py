"""Splits are chosen by name, and a wrong name is answered with the right ones."""

from __future__ import annotations

import pytest

from mmsearch.datasets import CaptionData, CaptionedImage, split_items, split_names
from mmsearch.errors import DatasetError

DATA = CaptionData(
    "things",
    (
        CaptionedImage("a", ("x",), "train"),
        CaptionedImage("b", ("x",), "restval"),
        CaptionedImage(None, ("free",), "train"),
        CaptionedImage("c", ("x",), "val"),
        CaptionedImage("d", ("x",)),
    ),
)


@pytest.mark.parametrize(
    ("split", "restval", "files"),
    [
        ("train", False, "a"),
        ("train", True, "ab"),
        ("restval", False, "b"),
        ("Validation", True, "c"),
        ("all", False, "abcd"),
    ],
)
def test_split_items(split: str, restval: bool, files: str) -> None:
    """Free captions belong to no split of pictures; restval joins train when asked."""
    chosen = split_items(DATA, split, restval=restval)
    assert "".join(item.file or "?" for item in chosen) == files


def test_unknown_split_names_the_known_ones() -> None:
    """The error says which splits there are."""
    with pytest.raises(DatasetError, match="restval, train, val, all"):
        split_items(DATA, "test")


def test_data_without_splits() -> None:
    """The error says that 'all' can be taken."""
    data = CaptionData("x", (CaptionedImage("a", ("x",)),))
    assert split_names(data) == ()
    with pytest.raises(DatasetError, match="names no splits"):
        split_items(data, "test")
