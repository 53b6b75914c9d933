"""Ways of doing the same, measured run after run in turn, so that the machine is equal to all."""

from __future__ import annotations

import time
from collections.abc import Callable


def in_turn(
    runs: int,
    *ways: Callable[[], object],
    clock: Callable[[], float] = time.perf_counter,
    n_warming: int = 1,
) -> list[list[float]]:
    """Seconds of each way, run after run in turn; the first `n_warming` runs are not counted."""
    taken: list[list[float]] = [[] for _ in ways]
    for run in range(runs + n_warming):
        for way, seconds in zip(ways, taken, strict=True):
            started = clock()
            way()
            if run >= n_warming:
                seconds.append(clock() - started)
    return taken
