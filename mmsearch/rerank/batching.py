"""Which texts, pictures and pairs are read together: little padding, few shapes, bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmsearch.rerank_types import Pairs

LENGTH_STEP = 4
"""Lengths are rounded up to multiples of this: a runtime prepares itself for each new shape."""


@dataclass(frozen=True, slots=True)
class PassSize:
    """How many things a runtime takes in one pass at most, and how many passes run at once."""

    most: int
    at_once: int = 1


@dataclass(frozen=True, slots=True)
class TextBatch:
    """Texts of like length: `tokens` `(n, l)` int64, padded, of the texts at `numbers` `(n,)`."""

    numbers: NDArray[np.int64]
    tokens: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PairRun:
    """Pairs that are matched together.

    `numbers` `(p,)` int64 are their places among all pairs; `texts` and `pictures`, `(p,)` int64,
    are rows of `pairs`; `length` is how many tokens l the longest of their texts needs.
    """

    numbers: NDArray[np.int64]
    texts: NDArray[np.int64]
    pictures: NDArray[np.int64]
    length: int


def text_batches(
    rows: Sequence[Sequence[int]], most: int, pad_id: int, max_tokens: int
) -> list[TextBatch]:
    """All texts, given as token ids, in batches of at most `most` texts of like length."""
    lengths = np.array([len(row) for row in rows], np.int64)
    order = np.argsort(lengths, kind="stable")
    return [
        TextBatch(numbers, _padded([rows[number] for number in numbers], pad_id, max_tokens))
        for numbers in even_parts(order, PassSize(most))
    ]


def pair_runs(
    pairs: Pairs, lengths: NDArray[np.int64], size: PassSize, max_tokens: int
) -> list[PairRun]:
    """All pairs in even runs, those with texts of like length together.

    Args:
        pairs: `(p, 2)` int64, row of a text and row of a picture.
        lengths: `(t,)` int64, how many tokens each text has.
        size: Pairs in a run.
        max_tokens: How many tokens any text has at most.
    """
    texts, pictures = pairs[:, 0], pairs[:, 1]
    # By text within a length, so that neighbours read the same memory.
    order = np.lexsort((pictures, texts, lengths[texts]))
    return [
        PairRun(
            numbers=numbers,
            texts=texts[numbers],
            pictures=pictures[numbers],
            length=_rounded(int(lengths[texts[numbers]].max()), max_tokens),
        )
        for numbers in even_parts(order, size)
    ]


def even_parts(order: NDArray[np.int64], size: PassSize) -> list[NDArray[np.int64]]:
    """`order` `(n,)` in parts about as long as each other, so that no pass waits for a long one.

    As few as will do, and as many as give work to all passes that run at once.
    """
    rounds = -(-len(order) // (size.most * size.at_once))
    count = min(rounds * size.at_once, len(order))
    return np.array_split(order, count) if count else []


def _padded(rows: Sequence[Sequence[int]], pad_id: int, max_tokens: int) -> NDArray[np.int64]:
    """`rows` as one array `(n, l)`, filled up with `pad_id` at the right."""
    longest = max(len(row) for row in rows)
    out = np.full((len(rows), _rounded(longest, max_tokens)), pad_id, np.int64)
    for number, row in enumerate(rows):
        out[number, : len(row)] = row
    return out


def _rounded(length: int, max_tokens: int) -> int:
    """`length`, rounded up where there is room."""
    return min(-(-length // LENGTH_STEP) * LENGTH_STEP, max(length, max_tokens))
