"""Token rows of captions made wrong by exchanging two of their words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from mmsearch.training.reranker.language import LanguageStart
from mmsearch.training.reranker.swaps import swapped_twins

TokenRows = tuple[NDArray[np.int64], ...]


def twin_tokens(
    language: LanguageStart, tokens: Sequence[NDArray[np.int64]], max_tokens: int
) -> tuple[TokenRows, ...]:
    """The twins of each caption, as token rows; none where nothing can be exchanged.

    They are made of what the tokenizer kept of a caption, so that a twin differs from it by the
    exchange alone, not by case or spaces; captions with unknown words have none.
    """
    wrong = [
        () if (row == language.unknown_id).any() else swapped_twins(text)
        for row, text in zip(tokens, language.decode(tokens), strict=True)
    ]
    rows = iter(language.encode([text for own in wrong for text in own], max_tokens))
    return tuple(tuple(islice(rows, len(own))) for own in wrong)
