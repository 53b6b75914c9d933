"""The learning rate over a run, as a function of the share that is done."""

from __future__ import annotations

import math


def rate_factor(done: float, warmup: float) -> float:
    """Factor on the peak rate when the share `done` in [0, 1] of the run is over.

    Linear up to `warmup`, then half a cosine down to 0 (Loshchilov & Hutter 2017).
    """
    done = min(max(done, 0.0), 1.0)
    if done < warmup:
        return done / warmup
    return 0.5 * (1.0 + math.cos(math.pi * (done - warmup) / (1.0 - warmup)))


def share_done(step: int, steps: int, elapsed_s: float, budget_s: float | None) -> float:
    """The share of a run that is over: by steps, or by time where that runs out earlier."""
    by_steps = step / steps
    return by_steps if not budget_s else max(by_steps, elapsed_s / budget_s)
