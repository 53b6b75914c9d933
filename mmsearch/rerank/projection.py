"""A region projection with its identity."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from mmsearch.rerank_types import RegionProjection


def region_projection(
    taps: Sequence[str],
    rows: int,
    columns: int,
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
) -> RegionProjection:
    """The projection of these parts, its digest computed.

    Args:
        taps: Submodules of the open_clip model, in the order of `weight`'s columns.
        rows: Rows of the grid of regions.
        columns: Columns of the grid of regions.
        weight: `(c, k)` float32.
        bias: `(c,)` float32.
    """
    head = {"taps": list(taps), "rows": rows, "columns": columns, "shape": list(weight.shape)}
    hasher = blake3(json.dumps(head, sort_keys=True).encode())
    for part in (weight, bias):
        hasher.update(np.ascontiguousarray(part, dtype="<f4").tobytes())
    return RegionProjection(tuple(taps), rows, columns, weight, bias, hasher.hexdigest())
