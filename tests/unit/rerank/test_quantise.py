"""Weights as int8 rows."""

from __future__ import annotations

import numpy as np

from mmsearch.rerank.quantise import packed, unpacked


def test_matrices_come_back_within_half_a_step_of_their_row() -> None:
    """A row's step is its largest magnitude over 127; rows don't disturb each other."""
    rng = np.random.default_rng(0)
    matrix = (rng.normal(size=(6, 40)) * np.array([[1e-3], [1], [50], [1], [1], [1]])).astype("f4")
    found = unpacked(packed({"w": matrix}))["w"]
    step = np.abs(matrix).max(1, keepdims=True) / 127
    assert found.dtype == np.float32
    assert (np.abs(found - matrix) <= 0.57 * step).all()  # float16 rounds the step a little


def test_a_row_of_zeros_stays_one() -> None:
    matrix = np.array([[0.0, 0.0], [1.0, -2.0]], np.float32)
    found = np.asarray(unpacked(packed({"w": matrix}))["w"])
    assert (found[0] == 0).all()
    assert np.isfinite(found).all()


def test_what_is_stored_is_small() -> None:
    """int8 for matrices with a float16 scale a row, float16 for vectors and scalars."""
    weights = {
        "w": np.ones((3, 4), np.float32),
        "b": np.ones(3, np.float32),
        "s": np.float32(2) * np.ones((), np.float32),
    }
    kinds = {name: (array.dtype.name, array.shape) for name, array in packed(weights).items()}
    assert kinds == {
        "network.w": ("int8", (3, 4)),
        "scales.w": ("float16", (3, 1)),
        "network.b": ("float16", (3,)),
        "network.s": ("float16", ()),
    }


def test_whole_numbers_and_other_rooms_arrays() -> None:
    """Counters come back as they are; arrays of other kinds in the file are left alone."""
    stored = packed({"seen": np.array([3, 4])}) | {"projection.bias": np.ones(2, np.float32)}
    found = unpacked(stored)
    assert list(found) == ["seen"]
    np.testing.assert_array_equal(found["seen"], [3, 4])
