"""An exponential moving average of the weights (Polyak & Juditsky 1992)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_EARLY = 10
"""The average follows fast at first: decay = min(decay, (1 + n) / (10 + n)) after n steps."""


class WeightAverage:
    """The average of a model's trained parameters; None as decay leaves the model as it is."""

    def __init__(self, model: nn.Module, decay: float | None) -> None:
        self._decay = decay
        self._steps = 0
        self._parameters = [p for p in model.parameters() if p.requires_grad] if decay else []
        self._averages = [parameter.detach().clone() for parameter in self._parameters]

    def update(self) -> None:
        """Take in the weights after a step."""
        if self._decay:
            self._steps += 1
            decay = min(self._decay, (1 + self._steps) / (_EARLY + self._steps))
            for average, parameter in zip(self._averages, self._parameters, strict=True):
                average.lerp_(parameter.detach(), 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model has the averaged weights inside."""
        own = [parameter.detach().clone() for parameter in self._parameters]
        self._put(self._averages)
        try:
            yield
        finally:
            self._put(own)

    def state(self) -> dict[str, object]:
        """What a checkpoint keeps."""
        return {"steps": self._steps, "averages": self._averages}

    def restore(self, steps: int, averages: list[Tensor]) -> None:
        """Continue from a checkpoint."""
        self._steps = steps
        with torch.no_grad():
            for average, saved in zip(self._averages, averages, strict=True):
                average.copy_(saved)

    def _put(self, values: list[Tensor]) -> None:
        with torch.no_grad():
            for parameter, value in zip(self._parameters, values, strict=True):
                parameter.copy_(value)
