"""Scaling and checks that all runtimes share."""

from __future__ import annotations

import numpy as np
import pytest

from mmsearch.encoders.rows import check_images, normalised
from mmsearch.errors import ModelError
from mmsearch.types import InputSpec


def test_rows_get_length_one() -> None:
    """Float32 rows of length 1; zeros stay zeros; the argument stays as it was."""
    rows = np.array([[3.0, 4.0], [0.0, 0.0]], dtype=np.float64)
    found = normalised(rows)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[0.6, 0.8], [0.0, 0.0]])
    assert rows[0, 0] == 3.0


def test_nan_is_refused() -> None:
    """A vector that is not finite would poison every search."""
    with pytest.raises(ModelError, match="not finite"):
        normalised(np.array([[np.nan, 1.0]]))


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 8, 9, 3), np.uint8),
        np.zeros((8, 8, 3), np.uint8),
        np.zeros((2, 8, 8, 3), np.float32),
        np.zeros((2, 3, 8, 8), np.uint8),
    ],
)
def test_wrong_pictures_are_refused(images: np.ndarray) -> None:
    """Shape and type must be the model's."""
    with pytest.raises(ModelError, match=r"takes \(n, 8, 8, 3\) uint8"):
        check_images(images, InputSpec(8, 8))
