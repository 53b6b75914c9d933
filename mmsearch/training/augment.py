"""Variations of a batch of pictures: crop, brightness, contrast, mirror."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Variation:
    """How far pictures may be varied.

    `smallest` is the least share of the area a crop keeps, `aspect` the most its sides' ratio
    changes, `colour` the most that brightness and contrast change. Mirroring turns writing and
    left and right around, so it is for pictures where neither matters.
    """

    smallest: float
    aspect: float
    colour: float
    mirror: bool = False


LEVELS = {
    "none": None,
    "light": Variation(smallest=0.75, aspect=1.1, colour=0.15),
    "strong": Variation(smallest=0.4, aspect=1.33, colour=0.4, mirror=True),
}


def vary(pictures: Tensor, variation: Variation, draws: NDArray[np.float64]) -> Tensor:
    """Varied copies of `pictures` `(b, 3, h, w)` float in [0, 1], by uniform `draws` `(b, 8)`."""
    u = torch.from_numpy(draws).to(pictures)
    area = variation.smallest + (1 - variation.smallest) * u[:, 0]
    ratio = torch.exp((2 * u[:, 1] - 1) * 0.5 * float(np.log(variation.aspect)))
    width = (area.sqrt() * ratio).clamp(max=1.0)
    height = (area.sqrt() / ratio).clamp(max=1.0)
    zero = torch.zeros_like(width)
    mirrored = variation.mirror & (u[:, 4] < 0.5)
    sign = 1.0 - 2.0 * mirrored.to(u.dtype)
    theta = torch.stack(
        [
            torch.stack([sign * width, zero, (1 - width) * (2 * u[:, 2] - 1)], 1),
            torch.stack([zero, height, (1 - height) * (2 * u[:, 3] - 1)], 1),
        ],
        1,
    )
    grid = functional.affine_grid(theta, list(pictures.shape), align_corners=False)
    cropped = functional.grid_sample(
        pictures, grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return _recolour(cropped, variation.colour, u)


def _recolour(pictures: Tensor, most: float, u: Tensor) -> Tensor:
    """Contrast around each picture's mean, then brightness, within [0, 1]."""
    contrast = (1 + most * (2 * u[:, 5] - 1))[:, None, None, None]
    brightness = (1 + most * (2 * u[:, 6] - 1))[:, None, None, None]
    mean = pictures.mean((1, 2, 3), keepdim=True)
    return (((pictures - mean) * contrast + mean) * brightness).clamp(0, 1)
