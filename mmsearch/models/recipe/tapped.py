"""The image tower's last stages on cached activations, with what lies on their grids."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mmsearch.encoders.taps import averaged

from .activations import FROZEN_STAGES

TAPS = ("visual.trunk.blocks.4", "visual.trunk.blocks.5", "visual.trunk.bn2")
"""What region features are read from: the stage before the tuned ones, the next, the last."""
TAP_WIDTHS = (120, 208, 1280)
GRID = (6, 6)


class TappedTail(nn.Module):
    """Stages 5 and 6 of `tower` and its head, (b, h, w, c) to pooled (b, 1280) and cells."""

    def __init__(self, tower: nn.Module, reduction: nn.Linear | None = None) -> None:
        super().__init__()
        self.tower = tower
        self.reduction = reduction

    def forward(self, activations: Tensor) -> tuple[Tensor, Tensor]:
        """Pooled features (b, 1280), cells (b, r, k) of all taps, or what `reduction` makes."""
        part = self.tower.get_submodule
        x = activations.permute(0, 3, 1, 2)
        taps = [x]
        *stages, last = list(part("blocks").children())[FROZEN_STAGES:]
        for stage in stages:
            x = stage(x)
        taps.append(x)
        head = part("bn2")(part("conv_head")(last(x)))
        grids = [averaged(grid, GRID) for grid in (*taps, head)]
        cells = torch.cat(grids, 1).flatten(2).transpose(1, 2)
        return head.mean((2, 3)), cells if self.reduction is None else self.reduction(cells)


class TailRunner:
    """A compiled `TappedTail`."""

    def __init__(self, tail: TappedTail, shape: tuple[int, ...]) -> None:
        import openvino

        with torch.no_grad():
            model = openvino.convert_model(
                tail.eval(), example_input=torch.zeros(2, *shape), input=[-1, *shape]
            )
        self._compiled = openvino.Core().compile_model(model, "CPU")

    def __call__(
        self, activations: NDArray[np.float16]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Pooled features and cells of activations (b, h, w, c)."""
        pooled, cells = self._compiled(activations.astype(np.float32)).values()
        return np.asarray(pooled), np.asarray(cells)
