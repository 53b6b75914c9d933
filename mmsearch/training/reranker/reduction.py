"""Principal components of tapped cells (Pearson 1901), each tap weighing the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray


def fit_reduction(
    cells: NDArray[np.float32], tap_widths: Sequence[int], width: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weight `(k', k)` and bias `(k',)` float32 that reduce cells `(p, k)` to k' = `width` or less.

    Each tap's channels are scaled to a total variance of 1, the results to a mean variance of 1.
    """
    mean = cells.mean(0, dtype=np.float64)
    variance = cells.var(0, dtype=np.float64)
    totals = [part.sum() for part in np.split(variance, np.cumsum(tap_widths)[:-1])]
    scale = np.repeat([1 / np.sqrt(max(total, 1e-12)) for total in totals], tap_widths)
    scaled = torch.from_numpy(((cells - mean) * scale).astype(np.float32))
    values, vectors = torch.linalg.eigh(scaled.T @ scaled / len(scaled))
    components = vectors.flip(1)[:, :width].numpy().astype(np.float64)
    spread = values.flip(0)[:width].mean().clamp(min=1e-12).sqrt().item()
    weight = (components * scale[:, None]).T / spread
    return weight.astype(np.float32), (-weight @ mean).astype(np.float32)
