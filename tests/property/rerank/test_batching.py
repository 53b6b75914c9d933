"""Batches and runs hold everything once, with little padding."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmsearch.rerank.batching import (
    LENGTH_STEP,
    PassSize,
    even_parts,
    pair_runs,
    text_batches,
)

MAX_TOKENS = 21
Rows = list[list[int]]

rows_of_tokens = st.lists(
    st.lists(st.integers(1, 99), min_size=1, max_size=MAX_TOKENS), max_size=40
)
sizes = st.integers(1, 9)


@given(rows_of_tokens, sizes)
def test_every_text_is_in_one_batch(rows: Rows, most: int) -> None:
    """Its tokens first, padding after them; batches are as few as will do, about as long."""
    batches = text_batches(rows, most, pad_id=0, max_tokens=MAX_TOKENS)
    assert len(batches) == -(-len(rows) // most)
    numbers = [number for batch in batches for number in batch.numbers.tolist()]
    assert sorted(numbers) == list(range(len(rows)))
    for batch in batches:
        for number, tokens in zip(batch.numbers, batch.tokens.tolist(), strict=True):
            row = rows[number]
            assert tokens == row + [0] * (len(tokens) - len(row))
    counts = {len(batch.numbers) for batch in batches}
    assert not counts or (max(counts) <= most and max(counts) - min(counts) <= 1)


@given(rows_of_tokens, sizes)
def test_texts_are_padded_with_those_of_like_length(rows: Rows, most: int) -> None:
    """No batch is longer than its longest text needs, and batches do not overlap in length."""
    batches = text_batches(rows, most, pad_id=0, max_tokens=MAX_TOKENS)
    before = 0
    for batch in batches:
        lengths = [len(rows[number]) for number in batch.numbers]
        assert before <= min(lengths)
        before = max(lengths)
        assert before <= batch.tokens.shape[1] < before + LENGTH_STEP
        assert batch.tokens.shape[1] <= MAX_TOKENS


@given(
    st.lists(st.integers(1, MAX_TOKENS), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 9)), max_size=60),
    sizes,
)
def test_every_pair_is_in_one_run(
    lengths: list[int], drawn: list[tuple[int, int]], most: int
) -> None:
    """Runs are bounded, as few as will do, long enough for their texts and hardly longer."""
    pairs = np.array([(text % len(lengths), picture) for text, picture in drawn], np.int64)
    pairs = pairs.reshape(-1, 2)
    runs = pair_runs(pairs, np.array(lengths, np.int64), PassSize(most), MAX_TOKENS)
    assert len(runs) == -(-len(pairs) // most)
    numbers = [number for run in runs for number in run.numbers.tolist()]
    assert sorted(numbers) == list(range(len(pairs)))
    before = 0
    for run in runs:
        assert len(run.numbers) <= most
        np.testing.assert_array_equal(pairs[run.numbers, 0], run.texts)
        np.testing.assert_array_equal(pairs[run.numbers, 1], run.pictures)
        needed = [lengths[text] for text in run.texts]
        assert before <= min(needed)
        before = max(needed)
        assert before <= run.length < before + LENGTH_STEP
        assert run.length <= MAX_TOKENS


@given(st.integers(0, 200), sizes, st.integers(1, 4))
def test_parts_are_even_and_keep_all_passes_busy(n: int, most: int, at_once: int) -> None:
    """Whole rounds of passes where there is enough, no round more than it takes."""
    order = np.arange(n)[::-1]
    parts = even_parts(order, PassSize(most, at_once))
    assert [number for part in parts for number in part.tolist()] == order.tolist()
    lengths = {len(part) for part in parts}
    assert not lengths or (min(lengths) > 0 and max(lengths) <= min(most, min(lengths) + 1))
    assert len(parts) % at_once == 0 or len(parts) == n
    assert len(parts) < -(-n // most) + at_once
