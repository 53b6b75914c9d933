"""Region projections of random numbers, for tests of every room."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmsearch.rerank import region_projection
from mmsearch.rerank_types import RegionCodes, RegionProjection


def random_projection(
    taps: Sequence[str] = ("visual",),
    channels: int = 6,
    grid: tuple[int, int] = (2, 3),
    dim: int = 4,
    seed: int = 0,
) -> RegionProjection:
    """A projection of `channels` k to `dim` c on `grid` rows x columns, equal for equal `seed`."""
    rng = np.random.default_rng(seed)
    weight = rng.normal(0, 30 / np.sqrt(channels), (dim, channels)).astype(np.float32)
    bias = rng.normal(0, 5, dim).astype(np.float32)
    return region_projection(taps, *grid, weight, bias)


def codes_of(content: str, projection: RegionProjection) -> RegionCodes:
    """Codes `(r, c)` int8 that depend on the content only."""
    rng = np.random.default_rng(list(content.encode()))
    shape = (projection.n_regions, projection.dim)
    return rng.integers(-127, 128, shape, dtype=np.int8)
