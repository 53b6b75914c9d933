"""Products of matrices that stay on the thread that asks for them.

NumPy's BLAS shares a large product among threads of its own, which go on spinning for a while
after it, on the cores that the models need next: a reranked question took twice as long.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_IN_A_PRODUCT = 1 << 18
"""Multiplications in one call of BLAS: beyond, it starts threads."""

_ROWS = 64


def product(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    """`left @ right.T` `(n, m)` of rows `(n, d)` and `(m, d)`, as many small ones in few calls."""
    out = np.empty((len(left), len(right)), np.float32)
    for start in range(0, len(left), _ROWS):
        rows = left[start : start + _ROWS]
        step = max(1, MOST_IN_A_PRODUCT // max(1, rows.size))
        whole = len(right) // step * step
        blocks = right[:whole].reshape(-1, step, right.shape[1]).transpose(0, 2, 1)
        of_blocks = np.matmul(rows, blocks)
        part = out[start : start + _ROWS]
        part[:, :whole] = of_blocks.transpose(1, 0, 2).reshape(len(rows), whole)
        np.matmul(rows, right[whole:].T, out=part[:, whole:])
    return out
