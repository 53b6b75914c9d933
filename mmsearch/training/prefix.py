"""The locked beginning of an image tower, run once for each picture instead of once a step.

The first learning block is found, and its input is kept for each picture. The tower that then
learns is the same one with everything before that block replaced by the identity; it shares its
parameters with the whole tower. Whether that is right for a given architecture is tried out
before it is relied on.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from mmsearch.training.groups import Named, block_path
from mmsearch.training.network import Network

_LEAST_COSINE = 0.999
_LARGEST = 65_504.0
"""Beyond it, half precision overflows."""


@dataclass(frozen=True, slots=True)
class SplitTower:
    """An image tower in two: `begin` gives what `end` goes on from, to embeddings `(b, d)`."""

    begin: Callable[[Tensor], Tensor]
    end: Callable[[Tensor], Tensor]


class _ReachedError(Exception):
    """Carries the input of the first learning block out of a forward pass."""

    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self.value = value


def split_tower(network: Network, groups: list[Named], sample: Tensor) -> SplitTower | None:
    """The image tower with depth `groups`, cut where learning begins.

    None where nothing, or everything, is locked, or where the two halves do not give what the
    whole gives on `sample` `(b, 3, h, w)`.
    """
    first = next((n for n, group in enumerate(groups) if group[0][1].requires_grad), None)
    if not first:
        return None
    path = block_path(groups[first][0][0])
    whole = cast("nn.Module", network.model.visual)
    split = SplitTower(
        lambda inputs: _begin(network, whole, path, inputs),
        lambda inputs: network.embed_with(tail, inputs),
    )
    tail = _without_what_precedes(whole, path.removeprefix("visual.").split("."))
    try:
        with torch.no_grad():
            kept = split.begin(sample)
            agrees = (split.end(kept.half().float()) * network.embed_images(sample)).sum(1)
    except (RuntimeError, TypeError, ValueError, AttributeError):
        return None  # an architecture that is no plain sequence
    fits = bool(kept.abs().max() < _LARGEST) and bool((agrees > _LEAST_COSINE).all())
    return split if fits else None


def _begin(network: Network, whole: nn.Module, path: str, inputs: Tensor) -> Tensor:
    """What the module at `path` is given when `inputs` run through the tower."""

    def stop(_module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        raise _ReachedError(arguments[0])

    hook = network.model.get_submodule(path).register_forward_pre_hook(stop)
    try:
        with torch.no_grad():
            network.embed_with(whole, inputs)
    except _ReachedError as reached:
        return reached.value.float()
    finally:
        hook.remove()
    raise ValueError(f"{path} is not part of the forward pass")


def _without_what_precedes(module: nn.Module, path: list[str]) -> nn.Module:
    """A shallow copy of `module` in which all children before the one at `path` do nothing."""
    clone = copy.copy(module)
    children: dict[str, nn.Module | None] = {}
    before = True
    for name, child in module._modules.items():
        if name == path[0]:
            before = False
            rest = path[1:]
            children[name] = _without_what_precedes(child, rest) if rest and child else child
        else:
            children[name] = nn.Identity() if before and child is not None else child
    clone.__dict__["_modules"] = children
    return clone
