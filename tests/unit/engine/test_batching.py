"""Merging calls: what waits is run together, in order, and errors find their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from mmsearch.engine import batching
from mmsearch.engine.batching import Batcher
from mmsearch.errors import QueryError

PATIENCE_S = 60


class Doubling:
    """Doubles numbers, and can be held while callers gather; remembers what it was given."""

    def __init__(self) -> None:
        self.runs: list[list[int]] = []
        self.started = threading.Event()
        self.free = threading.Event()
        self.free.set()
        self.at_work = 0

    def __call__(self, calls: Sequence[int]) -> list[int]:
        self.at_work += 1
        assert self.at_work == 1, "two runs at once"
        self.runs.append(list(calls))
        self.started.set()
        assert self.free.wait(PATIENCE_S)
        self.at_work -= 1
        if any(call < 0 for call in calls):
            raise QueryError(f"{min(calls)} is below 0")
        return [2 * call for call in calls]


def waiting(batcher: Batcher[int, int], count: int) -> None:
    """Return once `count` calls wait."""
    end = time.monotonic() + PATIENCE_S
    while len(batcher._waiting) < count:
        assert time.monotonic() < end
        time.sleep(0.001)


def merged(run: Doubling, batcher: Batcher[int, int], calls: Sequence[int]) -> list[object]:
    """What becomes of `calls` that come, in this order, while another call is being run."""
    run.free.clear()
    run.started.clear()
    outcomes: list[object] = []
    with ThreadPoolExecutor(len(calls) + 1) as threads:
        first = threads.submit(batcher, 1000)
        assert run.started.wait(PATIENCE_S)
        others = []
        for number, call in enumerate(calls):
            others.append(threads.submit(batcher, call))
            waiting(batcher, number + 1)
        run.free.set()
        assert first.result(PATIENCE_S) == 2000
        for other in others:
            try:
                outcomes.append(other.result(PATIENCE_S))
            except QueryError as exc:
                outcomes.append(str(exc))
    return outcomes


def test_a_lone_call_runs_at_once_in_its_own_thread() -> None:
    threads: list[int] = []

    def run(calls: Sequence[int]) -> list[int]:
        threads.append(threading.get_ident())
        return list(calls)

    batcher: Batcher[int, int] = Batcher(run, max_calls=8)
    assert [batcher(call) for call in (3, 4)] == [3, 4]
    assert threads == [threading.get_ident()] * 2


def test_calls_that_come_while_one_runs_are_run_together_in_order() -> None:
    run = Doubling()
    assert merged(run, Batcher(run, max_calls=8), [1, 2, 3]) == [2, 4, 6]
    assert run.runs == [[1000], [1, 2, 3]]


def test_no_run_takes_more_calls_than_allowed() -> None:
    run = Doubling()
    assert merged(run, Batcher(run, max_calls=2), [1, 2, 3, 4, 5]) == [2, 4, 6, 8, 10]
    assert run.runs == [[1000], [1, 2], [3, 4], [5]]


def test_an_error_reaches_only_the_call_it_belongs_to() -> None:
    run = Doubling()
    assert merged(run, Batcher(run, max_calls=8), [1, -2, 3]) == [2, "-2 is below 0", 6]
    assert run.runs == [[1000], [1, -2, 3], [1], [-2], [3]]


def test_an_error_given_as_a_result_is_raised_for_its_call_alone() -> None:
    """Where it is known which call is wrong, nothing is run again."""

    def run(calls: Sequence[int]) -> list[int | Exception]:
        return [QueryError(f"{call} is below 0") if call < 0 else call for call in calls]

    batcher: Batcher[int, int] = Batcher(run, max_calls=8)
    assert batcher(1) == 1
    with pytest.raises(QueryError, match="-2 is below 0"):
        batcher(-2)


def test_an_error_of_a_lone_call_is_raised_without_another_try() -> None:
    run = Doubling()
    batcher: Batcher[int, int] = Batcher(run, max_calls=8)
    with pytest.raises(QueryError, match="-1 is below 0"):
        batcher(-1)
    assert run.runs == [[-1]]
    assert batcher(4) == 8


def test_a_leader_that_is_struck_down_leaves_the_others_to_the_next() -> None:
    """Ctrl-C in one thread: the calls that it was to run are run by another one."""
    struck = threading.Event()
    run = Doubling()

    def strike(calls: Sequence[int]) -> list[int]:
        if 7 in calls and not struck.is_set():
            struck.set()
            raise KeyboardInterrupt
        return run(calls)

    batcher: Batcher[int, int] = Batcher(strike, max_calls=8)
    run.free.clear()
    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(batcher, 1000)
        assert run.started.wait(PATIENCE_S)
        leader = threads.submit(batcher, 7)
        waiting(batcher, 1)
        others = [threads.submit(batcher, call) for call in (8, 9)]
        waiting(batcher, 3)
        run.free.set()
        assert first.result(PATIENCE_S) == 2000
        assert isinstance(leader.exception(PATIENCE_S), KeyboardInterrupt)
        assert [other.result(PATIENCE_S) for other in others] == [16, 18]
    assert batcher(5) == 10


class Leaving(threading.Event):
    """Its waiter is interrupted: at once, or just when it is to lead."""

    def __init__(self, when_leading: bool) -> None:
        super().__init__()
        self.when_leading = when_leading

    def wait(self, timeout: float | None = None) -> bool:
        if self.when_leading:
            super().wait(PATIENCE_S)
        raise KeyboardInterrupt


@pytest.mark.parametrize("when_leading", [False, True])
def test_a_waiting_call_whose_thread_goes_leaves_the_lead_to_the_next(
    when_leading: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = batching._Ticket

    def ticket(call: int) -> batching._Ticket[int, int]:
        made: batching._Ticket[int, int] = real(call)
        if call == 2:
            made.turn = Leaving(when_leading)
        return made

    monkeypatch.setattr(batching, "_Ticket", ticket)
    run = Doubling()
    batcher: Batcher[int, int] = Batcher(run, max_calls=1)
    run.free.clear()
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(batcher, 1)
        assert run.started.wait(PATIENCE_S)
        leaving = threads.submit(batcher, 2)
        if when_leading:
            waiting(batcher, 1)
        else:
            assert isinstance(leaving.exception(PATIENCE_S), KeyboardInterrupt)
        third = threads.submit(batcher, 3)
        waiting(batcher, 2 if when_leading else 1)
        run.free.set()
        assert (first.result(PATIENCE_S), third.result(PATIENCE_S)) == (2, 6)
        assert isinstance(leaving.exception(PATIENCE_S), KeyboardInterrupt)
    assert run.runs == [[1], [3]]
    assert batcher(5) == 10
