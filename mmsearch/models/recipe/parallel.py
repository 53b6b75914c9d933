"""A forward and a backward pass in small parts, each part on one thread from end to end.

Splitting every operation over the cores instead makes them wait for one another thousands of
times a step, the longer the more else the machine does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

Part = TypeVar("Part")


class Threads:
    """Workers that each run one part at a time; PyTorch itself is held to one thread."""

    def __init__(self, count: int) -> None:
        torch.set_num_threads(1)
        self._pool = ThreadPoolExecutor(count)

    def forward(self, run: Callable[[Part], Tensor], parts: Sequence[Part]) -> Split:
        """Begin `run` on each part; the outputs will be joined along their first axis."""
        return Split([self._pool.submit(run, part) for part in parts], self._pool)


class Split:
    """The outputs of one forward pass in parts."""

    def __init__(self, futures: Sequence[Future[Tensor]], pool: ThreadPoolExecutor) -> None:
        self._futures, self._pool = futures, pool
        self._joined: Tensor | None = None

    def joined(self) -> Tensor:
        """All outputs as one tensor whose gradient `backward` hands on to the parts."""
        if self._joined is None:
            outputs = [future.result() for future in self._futures]
            self._joined = torch.cat(outputs).detach().requires_grad_(torch.is_grad_enabled())
        return self._joined

    def backward(self) -> list[Future[None]]:
        """Begin the backward pass of every part, once `joined()` has its gradient."""
        outputs = [future.result() for future in self._futures]
        joined = self.joined()
        if joined.grad is None:
            raise RuntimeError("the joined outputs have no gradient yet")
        grads = torch.split_with_sizes(joined.grad, [len(output) for output in outputs])
        return [
            self._pool.submit(torch.autograd.backward, output, grad)
            for output, grad in zip(outputs, grads, strict=True)
        ]
