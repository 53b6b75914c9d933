"""Any calls from any threads: merging them changes nothing but how often work is done."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch.engine.batching import Batcher
from mmsearch.errors import QueryError


def one(call: int) -> int:
    """The plain reference: one call on its own."""
    if call % 7 == 0:
        raise QueryError(f"{call} is a multiple of 7")
    return call * call


def outcome(batcher: Batcher[int, int], call: int) -> int | str:
    try:
        return batcher(call)
    except QueryError as exc:
        return str(exc)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(-50, 50), max_size=12), min_size=1, max_size=6),
    st.integers(1, 9),
)
def test_merged_calls_end_as_each_would_alone(
    calls_of_threads: list[list[int]], max_calls: int
) -> None:
    """Results, errors and the order in each thread are those of one call after the other."""
    at_work = threading.Lock()
    runs: list[int] = []

    def run(calls: Sequence[int]) -> list[int]:
        assert at_work.acquire(blocking=False), "two runs at once"
        try:
            runs.append(len(calls))
            return [one(call) for call in calls]
        finally:
            at_work.release()

    batcher: Batcher[int, int] = Batcher(run, max_calls)
    alone: Batcher[int, int] = Batcher(lambda calls: [one(call) for call in calls], 1)
    expected = [[outcome(alone, call) for call in calls] for calls in calls_of_threads]
    with ThreadPoolExecutor(len(calls_of_threads)) as threads:
        found = list(
            threads.map(lambda calls: [outcome(batcher, call) for call in calls], calls_of_threads)
        )
    assert found == expected
    assert all(1 <= size <= max_calls for size in runs)
    assert not batcher._waiting
    assert not batcher._busy
