"""Time budgets: what is expected of a run, when to stop, what counts."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch.engine.pace import RUN_SIZES, Budget, Pace


class Hands:
    """A clock that goes on when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def spend_all(budget: Budget, hands: Hands, n: int, seconds_of) -> int:  # type: ignore[no-untyped-def]
    """How many of `n` pairs are scored until the budget says stop."""
    done = 0
    while done < n and (size := budget.next_size(n - done)):
        with budget.run(size):
            hands.now += seconds_of(size)
        done += size
    return done


def known(seconds_of) -> Pace:  # type: ignore[no-untyped-def]
    """A pace that has seen a single pair and a run of 16."""
    pace = Pace()
    for size in (1, 16):
        pace.note(size, seconds_of(size))
    return pace


def test_nothing_known_means_no_run_fits() -> None:
    assert Pace().expected(1) == math.inf
    assert Budget(60, Pace()).next_size(50) == 0


def test_a_smaller_run_is_expected_to_take_no_longer_and_a_larger_one_in_proportion() -> None:
    pace = known(lambda size: size / 1000)
    assert pace.expected(8) == pytest.approx(0.016)
    assert pace.expected(64) == pytest.approx(0.064)


def test_what_is_expected_follows_what_was_measured() -> None:
    pace = Pace()
    pace.note(4, 0.010)
    pace.note(4, 0.030)
    assert pace.expected(4) == pytest.approx(0.020)


def test_without_a_limit_all_is_one_run() -> None:
    budget = Budget(None, Pace())
    assert not budget.limited
    assert budget.next_size(777) == 777


def test_a_budget_of_nothing_scores_nothing() -> None:
    assert Budget(0, known(lambda size: 0.0)).next_size(50) == 0


def test_other_work_counts_too() -> None:
    hands = Hands()
    budget = Budget(60, Pace(), hands)
    with budget.spend():
        hands.now += 0.045
    assert budget.left_s == pytest.approx(0.015)


def test_a_slow_run_makes_the_next_ones_shorter() -> None:
    """Another process takes the processor: what was learned before is no longer true."""
    hands = Hands()
    budget = Budget(60, known(lambda size: size / 1000), hands)
    assert budget.next_size(50) == 16
    with budget.run(16):
        hands.now += 0.040
    assert budget.next_size(34) <= 4


@settings(max_examples=200, deadline=None)
@given(
    overhead_ms=st.floats(0.1, 5),
    pair_ms=st.floats(0.05, 5),
    budget_ms=st.floats(20, 500),
    noise=st.lists(st.floats(0.9, 1.1), min_size=1, max_size=20),
)
def test_a_steady_machine_keeps_its_budget_and_uses_most_of_it(
    overhead_ms: float, pair_ms: float, budget_ms: float, noise: list[float]
) -> None:
    """Within 20 % above, and no more is left than a run of one pair and the rounding takes."""
    hands, ran = Hands(), []

    def seconds(size: int) -> float:
        ran.append(size)
        return (overhead_ms + pair_ms * size) / 1000 * noise[len(ran) % len(noise)]

    pace = known(lambda size: (overhead_ms + pair_ms * size) / 1000)
    budget = Budget(budget_ms, pace, hands)
    done = spend_all(budget, hands, 1000, seconds)
    took_ms = 1000 * (hands.now - 100.0)
    assert took_ms <= 1.2 * budget_ms
    assert done == 1000 or took_ms >= budget_ms - 2 * (overhead_ms + 16 * pair_ms)
    assert all(size in RUN_SIZES for size in ran)
