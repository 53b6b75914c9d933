"""One optimisation step: embed, compare, backpropagate, update."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mmsearch.training.chunks import ChunkedForward, Forward
from mmsearch.training.loss import clamp_logit_scale, info_nce, pair_up
from mmsearch.training.network import Network
from mmsearch.training.world import World


@dataclass(frozen=True, slots=True)
class Batch:
    """One process's part of a step, and what all must know of the whole.

    `images` is the image tower's input (or that of its learning end), or finished embeddings
    `(b, d)` where the tower is locked; `texts` likewise. `groups` `(B,)`, `owner` `(T,)` and
    `text_ids` `(T,)` int64 are of the whole batch, over all processes.
    """

    images: Tensor
    texts: Tensor
    groups: Tensor
    owner: Tensor
    text_ids: Tensor


@dataclass(frozen=True, slots=True)
class StepSettings:
    """Rows a forward pass (0 = all at once), and the seed of this step's dropout."""

    image_chunk: int
    text_chunk: int
    seed: int


class Learner:
    """A network with its optimizer, as one process of a world.

    `embed_images` may be replaced by the learning end of the image tower.
    """

    def __init__(self, network: Network, optimizer: torch.optim.Optimizer, world: World) -> None:
        self.network = network
        self.embed_images: Forward = network.embed_images
        self.optimizer = optimizer
        self._world = world
        enabled = network.half is torch.float16
        self.scaler = torch.amp.GradScaler(network.device.type, enabled=enabled)

    def set_rate(self, factor: float) -> None:
        """Set each group's learning rate to `factor` of its peak."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak_lr"] * factor

    def step(self, batch: Batch, settings: StepSettings) -> float:
        """The loss of the whole batch; the parameters are updated by it."""
        loss = self.backward(batch, settings)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        clamp_logit_scale(self.network.logit_scale)
        return loss

    def backward(self, batch: Batch, settings: StepSettings) -> float:
        """The loss of the whole batch; gradients are left in the parameters, unscaled."""
        cuda = [self.network.device] if self.network.device.type == "cuda" else []
        with torch.random.fork_rng(devices=cuda):
            loss = self._accumulate(batch, settings)
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        self._world.sum_gradients(parameters)
        if self.scaler.is_enabled():
            self.scaler.unscale_(self.optimizer)
        return loss

    def _accumulate(self, batch: Batch, settings: StepSettings) -> float:
        """Add this process's share of the gradients."""
        network = self.network
        locked = batch.images.ndim == 2
        sides = [
            ChunkedForward(
                _as_it_is if locked else self.embed_images,
                batch.images,
                settings.image_chunk,
                settings.seed,
            ),
            ChunkedForward(
                _as_it_is if batch.texts.is_floating_point() else network.embed_texts,
                batch.texts,
                settings.text_chunk,
                settings.seed + (1 << 20),
            ),
        ]
        gathered = [self._world.gather(side.embeddings()).requires_grad_() for side in sides]
        pairing = pair_up(batch.groups, batch.owner, batch.text_ids)
        # Every process has the whole loss, so its share of the temperature's gradient is 1/size.
        scale = network.logit_scale.exp()
        shared = scale / self._world.size + scale.detach() * (1 - 1 / self._world.size)
        loss = info_nce(gathered[0], gathered[1], pairing, shared)
        torch.autograd.backward(self.scaler.scale(loss))
        for side, whole in zip(sides, gathered, strict=True):
            if whole.grad is not None:
                side.backward(whole.grad[self._world.part(len(whole))])
        return float(loss.detach())


def _as_it_is(embeddings: Tensor) -> Tensor:
    """Embeddings of a locked tower, which need no forward pass."""
    return embeddings
