"""Checks and scaling of rows that every runtime shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmsearch.errors import ModelError
from mmsearch.rerank_types import RegionCodes, RegionProjection
from mmsearch.types import Embeddings, ImageTensor, InputSpec, Space

_TINY = np.float32(1e-12)


def normalised(rows: NDArray[np.floating]) -> Embeddings:
    """`rows` `(n, d)` as float32, scaled to length 1; a row of zeros stays one.

    Raises:
        ModelError: A value is not finite: the model is broken, and would poison the index.
    """
    wide = np.asarray(rows, dtype=np.float32)
    if not np.isfinite(wide).all():
        raise ModelError("the model gave numbers that are not finite: try precision fp32")
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    return np.ascontiguousarray(wide / np.maximum(lengths, _TINY), dtype=np.float32)


def check_images(images: ImageTensor, spec: InputSpec) -> None:
    """Refuse pictures that the model would misread.

    Raises:
        ModelError: `images` is not `(n, h, w, 3)` uint8 at the size of `spec`.
    """
    shape = (spec.height, spec.width, 3)
    if images.ndim != 4 or images.shape[1:] != shape or images.dtype != np.uint8:
        raise ModelError(
            f"pictures come as {images.shape} {images.dtype}: "
            f"the model takes (n, {spec.height}, {spec.width}, 3) uint8"
        )


def empty_with_regions(
    space: Space, projection: RegionProjection, n: int = 0
) -> tuple[Embeddings, RegionCodes]:
    """Room for embeddings `(n, d)` and region features `(n, r, c)`."""
    codes = np.empty((n, projection.n_regions, projection.dim), np.int8)
    return np.empty((n, space.dim), np.float32), codes
