"""A tower's parameters by depth: what is locked, and at which rate the rest learns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor, nn

_BLOCK = re.compile(r"(?:^|\.)(?:blocks|resblocks|layers?|stages|h)\.(\d+)\.")
_HEAD = re.compile(r"(?:^|\.)(?:text_projection|proj|head|ln_final|ln_post|classifier)(?:\.|$)")

Named = list[tuple[str, nn.Parameter]]


@dataclass(frozen=True, slots=True)
class Towers:
    """Both towers' parameter groups, from the input (index 0) to the head (last)."""

    image: list[Named]
    text: list[Named]


def find_towers(model: nn.Module) -> Towers:
    """The depth groups of an open_clip model; `logit_scale` belongs to neither tower."""
    image: Named = []
    text: Named = []
    for name, parameter in model.named_parameters():
        if name.startswith("visual."):
            image.append((name, parameter))
        elif name not in ("logit_scale", "logit_bias"):
            text.append((name, parameter))
    return Towers(depth_groups(image), depth_groups(text))


def depth_groups(named: Named) -> list[Named]:
    """One group for what comes before the blocks, one a block, one for what comes after.

    Blocks are recognised by their numbered names (`blocks.3.`, `layer.2.`, …), as timm,
    open_clip and transformers all write them; without blocks everything is one group.
    """
    numbers = [_block_number(name) for name, _ in named]
    blocks = [place for place, number in enumerate(numbers) if number is not None]
    if not blocks:
        return [named] if named else []
    stem: Named = []
    head: Named = []
    middle: dict[int, Named] = {}
    for place, (entry, number) in enumerate(zip(named, numbers, strict=True)):
        if number is not None:
            middle.setdefault(number, []).append(entry)
        elif place > blocks[-1] or _HEAD.search(entry[0]):
            head.append(entry)
        else:
            stem.append(entry)
    groups = [stem, *(middle[number] for number in sorted(middle)), head]
    return [group for group in groups if group]


def lock(groups: list[Named], keep: int | None) -> None:
    """Let only the last `keep` groups learn; None or -1 = all of them."""
    first = 0 if keep is None or keep < 0 else len(groups) - keep
    for place, group in enumerate(groups):
        for _, parameter in group:
            parameter.requires_grad_(place >= first)


def learns(groups: list[Named]) -> bool:
    """Whether any parameter of these groups is trained."""
    return any(parameter.requires_grad for group in groups for _, parameter in group)


def rate_groups(
    towers: list[list[Named]], others: Iterable[Tensor], lr: float, decay: tuple[float, float]
) -> list[dict[str, object]]:
    """AdamW's parameter groups: rate `lr * layer_decay ** (groups below the head)`.

    Matrices are decayed; biases, norms and `others` (the temperature) are not.

    Args:
        towers: Depth groups of each tower.
        others: Parameters outside the towers, at the full rate.
        lr: Rate of the heads.
        decay: `(layer_decay, weight_decay)`.
    """
    layer_decay, weight_decay = decay
    groups: list[dict[str, object]] = []
    for tower in towers:
        for depth, named in enumerate(reversed(tower)):
            trained = [parameter for _, parameter in named if parameter.requires_grad]
            rate = lr * layer_decay**depth
            matrices = [parameter for parameter in trained if parameter.ndim > 1]
            vectors = [parameter for parameter in trained if parameter.ndim <= 1]
            groups += [_group(matrices, rate, weight_decay), _group(vectors, rate, 0.0)]
    groups.append(_group([p for p in others if p.requires_grad], lr, 0.0))
    return [group for group in groups if group["params"]]


def _group(
    parameters: list[nn.Parameter] | list[Tensor], rate: float, decay: float
) -> dict[str, object]:
    return {"params": parameters, "lr": rate, "peak_lr": rate, "weight_decay": decay}


def block_path(name: str) -> str:
    """The module that parameter `name` belongs to: its numbered block, else its own layer."""
    match = _BLOCK.search(name)
    return name[: match.end()].rstrip(".") if match else name.rpartition(".")[0]


def _block_number(name: str) -> int | None:
    match = _BLOCK.search(name)
    return int(match.group(1)) if match else None
