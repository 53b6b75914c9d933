"""Keeps a time budget: how long runs of pairs took, and which run still fits."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

RUN_SIZES = (64, 32, 16, 8, 4, 2, 1)
"""Pairs in a run, where time is limited: few sizes, so that each is soon known."""

_NEW_SHARE = 0.5
"""How far one measurement moves what is expected: old ones fade, one slow run is no rule."""

Clock = Callable[[], float]
"""Seconds, from any start."""


class Pace:
    """How long a run takes by its size, in seconds; thread-safe, kept from question to question."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds: dict[int, float] = {}

    @property
    def known(self) -> bool:
        """Whether anything was measured yet."""
        return bool(self._seconds)

    def note(self, size: int, seconds: float) -> None:
        """Learn from a run."""
        with self._lock:
            before = self._seconds.get(size, seconds)
            self._seconds[size] = before + _NEW_SHARE * (seconds - before)

    def expected(self, size: int) -> float:
        """Seconds that a run of `size` takes at most, as far as is known; inf = nothing is known.

        A smaller run takes no longer than a larger one, and two take no less than both in one.
        """
        with self._lock:
            if size in self._seconds:
                return self._seconds[size]
            larger = [other for other in self._seconds if other > size]
            if larger:
                return self._seconds[min(larger)]
            if not self._seconds:
                return math.inf
            nearest = max(self._seconds)
            return self._seconds[nearest] * size / nearest


class Budget:
    """What is left of the time one question may take; None = no limit.

    Only what runs inside `spend` or `run` counts.
    """

    def __init__(
        self, budget_ms: float | None, pace: Pace, clock: Clock = time.perf_counter
    ) -> None:
        self.left_s = math.inf if budget_ms is None else budget_ms / 1000.0
        self._pace = pace
        self._clock = clock
        self._slowness = 1.0

    @property
    def limited(self) -> bool:
        """Whether there is a limit at all."""
        return math.isfinite(self.left_s)

    def next_size(self, n_waiting: int) -> int:
        """How many of the pairs that wait to score in the next run; 0: not one more fits.

        A run may take half of what is left, so that the next is planned knowing how long it
        really took; only what would fit no more otherwise takes it all.
        """
        if not self.limited:
            return n_waiting
        if self.left_s <= 0:
            return 0
        sizes = [size for size in RUN_SIZES if size <= n_waiting]
        for share in (0.5, 1.0):
            for size in sizes:
                if self._slowness * self._pace.expected(size) <= share * self.left_s:
                    return size
        return 0

    @contextmanager
    def run(self, size: int) -> Iterator[None]:
        """Count the time of a run of `size` pairs, and learn from it."""
        expected = self._pace.expected(size)
        started = self._clock()
        yield
        seconds = self._clock() - started
        self.left_s -= seconds
        if size in RUN_SIZES:
            self._pace.note(size, seconds)
        if math.isfinite(expected) and expected > 0:
            self._slowness = max(1.0, seconds / expected)

    @contextmanager
    def spend(self) -> Iterator[None]:
        """Count the time of anything else."""
        started = self._clock()
        try:
            yield
        finally:
            self.left_s -= self._clock() - started
