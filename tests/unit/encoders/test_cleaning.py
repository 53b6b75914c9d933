"""Our text cleaning against open_clip's."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip.tokenizer import get_clean_fn

from mmsearch.encoders.cleaning import cleaning
from mmsearch.encoders.vocabulary import SAMPLE_TEXTS
from mmsearch.errors import ModelError

NAMES = ("whitespace", "lower", "canonicalize")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", SAMPLE_TEXTS)
def test_samples_are_cleaned_alike(name: str, text: str) -> None:
    """Every cleaning gives what open_clip's gives."""
    assert cleaning(name)(text) == get_clean_fn(name)(text)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(codec="ascii")) | st.text(), st.sampled_from(NAMES))
def test_any_text_is_cleaned_alike(text: str, name: str) -> None:
    """The shortcut for plain ASCII changes nothing."""
    assert cleaning(name)(text) == get_clean_fn(name)(text)


def test_unknown_cleaning_is_refused() -> None:
    """A name open_clip lacks is not ignored."""
    with pytest.raises(ModelError, match="unknown text cleaning 'upper'"):
        cleaning("upper")
