"""Weights in a quarter of their size: int8 rows with a scale each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.generic]
Weights: TypeAlias = Mapping[str, Array]
"""Arrays by parameter name."""

_VALUES = "network."
_SCALES = "scales."
_LARGEST = 127


def packed(weights: Weights) -> dict[str, Array]:
    """`weights` as they are stored.

    Matrices become int8 by symmetric quantisation, each row (all but the last axis) with its own
    float16 scale: `values = codes * scale`. Vectors and scalars become float16.
    """
    stored: dict[str, Array] = {}
    for name, values in weights.items():
        if values.ndim < 2 or not np.issubdtype(values.dtype, np.floating):
            stored[_VALUES + name] = _small(values)
            continue
        stored[_VALUES + name], stored[_SCALES + name] = quantised(values)
    return stored


def unpacked(stored: Weights) -> dict[str, Array]:
    """What `packed` was given, floats as float32 and as near as their codes are.

    Raises:
        KeyError: A matrix has no scales.
        ValueError: A matrix does not go with its scales.
    """
    weights: dict[str, Array] = {}
    for key, values in stored.items():
        if not key.startswith(_VALUES):
            continue
        name = key.removeprefix(_VALUES)
        if values.dtype == np.int8:
            weights[name] = restored(values, stored[_SCALES + name])
        else:
            weights[name] = values.astype(np.float32) if values.dtype == np.float16 else values
    return weights


def quantised(values: Array) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """The codes of `values` `(..., m)` and their scales `(..., 1)`."""
    scales = _row_scales(values)
    return _codes(values, scales), scales


def restored(codes: Array, scales: Array) -> NDArray[np.float32]:
    """What `quantised` was given, float32, as near as the codes are.

    Raises:
        ValueError: These are no codes and scales of theirs.
    """
    if codes.dtype != np.int8 or scales.dtype != np.float16 or not np.isfinite(scales).all():
        raise ValueError("codes are not int8, or their scales no finite float16")
    if scales.shape != (*codes.shape[:-1], 1):
        raise ValueError(f"codes {codes.shape} do not go with scales {scales.shape}")
    values: NDArray[np.float32] = codes.astype(np.float32) * scales.astype(np.float32)
    return values


def _small(values: Array) -> Array:
    """A vector, a scalar, or what is no float."""
    return values.astype(np.float16) if np.issubdtype(values.dtype, np.floating) else values


def _row_scales(values: Array) -> NDArray[np.float16]:
    """`(..., 1)` float16: a row's largest magnitude over 127; 0 for a row of zeros."""
    magnitudes = np.abs(values.astype(np.float32))
    largest: NDArray[np.float32] = magnitudes.max(axis=-1, keepdims=True)
    scales: NDArray[np.float16] = (largest / _LARGEST).astype(np.float16)
    return scales


def _codes(values: Array, scales: NDArray[np.float16]) -> NDArray[np.int8]:
    """The nearest codes to `values` for the scales as they are after rounding."""
    wide = scales.astype(np.float32)
    safe = np.where(wide > 0, wide, np.float32(1))
    steps = np.rint(values.astype(np.float32) / safe)
    codes: NDArray[np.int8] = steps.clip(-_LARGEST, _LARGEST).astype(np.int8)
    return codes
