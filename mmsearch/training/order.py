"""Which pictures, captions and variations a step takes: functions of the seed, not of history.

Nothing here has state, so a resumed run needs no more than the step's number, and several
processes agree on a batch without talking.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_ORDER, _CAPTION, _VARIATION, _DROPOUT = range(4)
N_VARIATIONS = 8


def steps_per_epoch(n_pictures: int, batch_size: int) -> int:
    """Full batches of an epoch; at least one, which then holds all pictures."""
    return max(1, n_pictures // batch_size)


def batch_rows(
    n_pictures: int, batch_size: int, at: tuple[int, int, int], parts: int = 1
) -> NDArray[np.int64]:
    """Rows of the pictures in a step, `at` = (seed, epoch, step in the epoch).

    Each epoch has its own order and leaves out what does not fill a batch; a size that is no
    multiple of `parts` (processes) is cut to one.
    """
    seed, epoch, step = at
    order = np.random.default_rng((seed, _ORDER, epoch)).permutation(n_pictures)
    rows = order[step * batch_size : (step + 1) * batch_size]
    return rows[: len(rows) // parts * parts]


def choose_captions(
    counts: Sequence[int], rows: NDArray[np.int64], per_image: int, at: tuple[int, int]
) -> NDArray[np.int64]:
    """Numbers `(b, per_image)` of the captions each picture shows, `at` = (seed, epoch).

    Distinct where the picture has enough, repeated in turn where it has fewer.
    """
    seed, epoch = at
    chosen = np.empty((len(rows), per_image), np.int64)
    for place, row in enumerate(rows):
        rng = np.random.default_rng((seed, _CAPTION, epoch, int(row)))
        chosen[place] = np.resize(rng.permutation(counts[row]), per_image)
    return chosen


def variations(rows: NDArray[np.int64], at: tuple[int, int]) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1) `(b, 8)` that decide how each picture is varied this epoch."""
    seed, epoch = at
    draws = [np.random.default_rng((seed, _VARIATION, epoch, int(r))) for r in rows]
    return np.stack([rng.random(N_VARIATIONS) for rng in draws])


def dropout_seed(at: tuple[int, int, int], rank: int) -> int:
    """Seed of torch's generator for one step of one process, `at` = (seed, epoch, step)."""
    state = np.random.SeedSequence((at[0], _DROPOUT, *at[1:], rank)).generate_state(2, np.uint32)
    return int(state[0]) << 31 ^ int(state[1])
