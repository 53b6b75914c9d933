"""The processes of a run: one, or as many as `torchrun` started.

Every process computes the loss of the whole batch from gathered embeddings and sends back only
its own part's gradient; summing parameter gradients then gives exactly what one process would
have computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

import torch
from torch import Tensor, distributed

from mmsearch.errors import ConfigError

_TIMEOUT = timedelta(hours=6)
"""The first process decodes and validates while the others wait."""


@dataclass(frozen=True, slots=True)
class World:
    """This process's place among `size`; the one of rank 0 writes and reports."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def leads(self) -> bool:
        """Whether this process writes and reports."""
        return self.rank == 0

    def part(self, n: int) -> slice:
        """This process's share of `n` rows, a multiple of `size`."""
        each = n // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def gather(self, rows: Tensor) -> Tensor:
        """The rows of all processes in rank order; each gives equally many."""
        if self.size == 1:
            return rows
        parts = [torch.empty_like(rows) for _ in range(self.size)]
        distributed.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    def sum_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace every gradient by its sum over all processes."""
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        if gradients:
            flat = torch.cat([gradient.flatten() for gradient in gradients])
            distributed.all_reduce(flat)
            for gradient, summed in zip(
                gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True
            ):
                gradient.copy_(summed.view_as(gradient))

    def agree(self, number: float) -> float:
        """The leading process's `number`, in all of them."""
        if self.size == 1:
            return number
        shared = torch.tensor([number], dtype=torch.float64, device=self.device)
        distributed.broadcast(shared, 0)
        return float(shared.item())

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite `tensors` by those of the leading process."""
        if self.size > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, 0)

    def wait(self) -> None:
        """Return once all processes are here."""
        if self.size > 1:
            distributed.barrier()


@contextmanager
def join_world(device: Literal["auto", "cpu", "cuda"]) -> Iterator[World]:
    """The world that `torchrun` set up, or a world of one.

    Raises:
        ConfigError: CUDA was asked for and there is none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("training: device is 'cuda', but torch finds no CUDA device: use 'cpu'")
    cuda = device != "cpu" and torch.cuda.is_available()
    if not distributed.is_available() or not distributed.is_torchelastic_launched():
        yield World(device=torch.device("cuda" if cuda else "cpu"))
        return
    own = torch.device("cuda", distributed.get_node_local_rank()) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(own)
    distributed.init_process_group("nccl" if cuda else "gloo", timeout=_TIMEOUT)
    try:
        yield World(distributed.get_rank(), distributed.get_world_size(), own)
    finally:
        distributed.destroy_process_group()
