"""Depth groups: what is locked, and who learns how fast."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mmsearch.training import groups
from mmsearch.training.network import Network


def _names(named: groups.Named) -> list[str]:
    return [name for name, _ in named]


def _parameters(*names: str) -> groups.Named:
    return [(name, nn.Parameter(torch.zeros(2, 2))) for name in names]


def test_open_clips_own_transformer() -> None:
    """CLIP lists its projection first and its blocks last; depth is what counts."""
    found = groups.depth_groups(
        _parameters(
            *("positional_embedding", "text_projection", "transformer.resblocks.0.attn.w"),
            *("transformer.resblocks.1.attn.w", "token_embedding.weight", "ln_final.weight"),
        )
    )
    assert [_names(group) for group in found] == [
        ["positional_embedding"],
        ["transformer.resblocks.0.attn.w"],
        ["transformer.resblocks.1.attn.w"],
        ["text_projection", "token_embedding.weight", "ln_final.weight"],
    ]


def test_tiny_model_has_stem_blocks_and_head(network: Network) -> None:
    """Both towers of a timm and Hugging Face model are parted by depth, without loss."""
    towers = groups.find_towers(network.model)
    assert "visual.trunk.conv_stem.weight" in _names(towers.image[0])
    assert any(name.startswith("visual.head") for name in _names(towers.image[-1]))
    assert any("embeddings" in name for name in _names(towers.text[0]))
    assert any(name.startswith("text.proj") for name in _names(towers.text[-1]))
    assert len(towers.text) == 4  # embeddings, two layers, head
    count = sum(len(group) for tower in (towers.image, towers.text) for group in tower)
    assert count == len(list(network.model.parameters())) - 1  # without the temperature


@pytest.mark.parametrize(("keep", "learning"), [(None, 4), (0, 0), (1, 1), (3, 3), (9, 4)])
def test_lock(network: Network, keep: int | None, learning: int) -> None:
    """0 locks a tower, n keeps the last n groups, None all."""
    text = groups.find_towers(network.model).text
    groups.lock(text, keep)
    assert [groups.learns([group]) for group in text] == [False] * (4 - learning) + [
        True
    ] * learning


def test_rates_fall_with_depth() -> None:
    """Each group away from the head learns more slowly; vectors are not decayed."""
    tower = [_parameters("a"), [("b", nn.Parameter(torch.zeros(3)))], _parameters("c")]
    scale = nn.Parameter(torch.zeros(()))
    found = groups.rate_groups([tower], [scale], 0.1, (0.5, 0.05))
    assert [(g["peak_lr"], g["weight_decay"]) for g in found] == [
        *((0.1, 0.05), (0.05, 0.0), (0.025, 0.05), (0.1, 0.0)),
    ]
