"""Variations stay pictures, and the mildest draw changes nothing."""

from __future__ import annotations

import numpy as np
import torch

from mmsearch.training.augment import LEVELS, Variation, vary


def _pictures() -> torch.Tensor:
    return torch.rand(5, 3, 20, 24, generator=torch.Generator().manual_seed(0))


def test_neutral_variation_is_the_identity() -> None:
    """A crop of everything without a colour change is the picture itself."""
    draws = np.full((5, 8), 0.5)
    varied = vary(_pictures(), Variation(smallest=1.0, aspect=1.0, colour=0.3), draws)
    torch.testing.assert_close(varied, _pictures(), atol=1e-5, rtol=0)


def test_mirror() -> None:
    """A draw below one half mirrors, where that is allowed."""
    variation = Variation(smallest=1.0, aspect=1.0, colour=0.0, mirror=True)
    varied = vary(_pictures(), variation, np.full((5, 8), 0.4))
    torch.testing.assert_close(varied, _pictures().flip(3), atol=1e-5, rtol=0)


def test_strongest_level_stays_in_range() -> None:
    """Values stay in [0, 1] and each picture depends on its own draws only."""
    strong = LEVELS["strong"]
    assert strong is not None
    draws = np.random.default_rng(0).random((5, 8))
    varied = vary(_pictures(), strong, draws)
    assert varied.shape == _pictures().shape
    assert 0 <= float(varied.min()) <= float(varied.max()) <= 1
    alone = vary(_pictures()[2:3], strong, draws[2:3])
    torch.testing.assert_close(varied[2:3], alone)
