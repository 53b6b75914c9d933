"""Gradient caching: the gradient of a big batch in the memory of a small one."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Forward = Callable[[Tensor], Tensor]
"""From a chunk of inputs `(b, …)` to embeddings `(b, d)`."""


class ChunkedForward:
    """One tower's pass over its part of a batch (Gao et al. 2021, section 3).

    With one chunk the graph is kept and this is plain backpropagation. With several, a first
    pass without a graph gives the embeddings; once the loss's gradient with respect to them is
    known, each chunk runs again, with the same random numbers, and is backpropagated alone.
    """

    def __init__(self, forward: Forward, inputs: Tensor, chunk: int, seed: int) -> None:
        self._forward = forward
        self._chunks = torch.split(inputs, chunk or max(1, len(inputs)))
        self._seed = seed
        self._kept: Tensor | None = None

    def embeddings(self) -> Tensor:
        """`(b, d)`, cut off from the graph."""
        if len(self._chunks) == 1:
            self._kept = self._run(0)
            return self._kept.detach()
        with torch.no_grad():
            return torch.cat([self._run(place) for place in range(len(self._chunks))])

    def backward(self, gradient: Tensor) -> None:
        """Add to the parameters' gradients what `gradient` `(b, d)` of the embeddings causes."""
        if self._kept is not None:
            if self._kept.requires_grad:
                torch.autograd.backward(self._kept, gradient)
            self._kept = None
            return
        parts = torch.split(gradient, [len(chunk) for chunk in self._chunks])
        for place, part in enumerate(parts):
            output = self._run(place)
            if output.requires_grad:
                torch.autograd.backward(output, part)

    def _run(self, place: int) -> Tensor:
        torch.manual_seed(self._seed + place)  # dropout must drop the same units both times
        return self._forward(self._chunks[place])
