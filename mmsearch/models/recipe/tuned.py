"""The halves of the two towers that are tuned, running on cached inputs."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from transformers import BertModel

from .activations import FROZEN_STAGES
from .depthwise import FixedDepthwise
from .texts import FROZEN_LAYERS
from .towers import fold_batch_norm, unfold_batch_norm

_CHUNK = 96


class ImageTail(nn.Module):
    """The image tower's last stages with batch norms folded in, (b, c, h, w) to (b, 1280).

    Folding fixes the normalisation to its ImageNet statistics and halves the memory traffic. In
    training all but the residual stream runs in bfloat16; depthwise kernels are fixed.
    """

    def __init__(self, tower: nn.Module) -> None:
        super().__init__()
        blocks = _tuned_blocks(tower)
        self.blocks = nn.ModuleList(
            nn.ModuleList(_folded(*pair) for pair in _pairs(block)) for block in blocks
        )
        self.residual = [bool(block.has_skip) for block in blocks]
        self.strides = [int(_pairs(block)[1][0].stride[0]) for block in blocks]
        self.head = _folded(*_pair(tower, "conv_head", "bn2"))
        self.to(memory_format=torch.channels_last)
        for _, depthwise, _ in (block.children() for block in self.blocks):
            depthwise.weight.requires_grad_(False)

    def forward(self, x: Tensor, drop_path: float = 0.0) -> Tensor:
        """Pooled features (b, 1280); `drop_path` is the last block's chance to be skipped."""
        for i, block in enumerate(self.blocks):
            y = self._block(block, x, self.strides[i])
            if self.residual[i]:
                chance = drop_path * (i + 1) / len(self.blocks) if self.training else 0.0
                x = x + _drop_rows(y, chance)
            else:
                x = y
        return functional.relu6(self._pointwise(self.head, x)).float().mean((2, 3))

    def _block(self, block: nn.Module, x: Tensor, stride: int) -> Tensor:
        """An inverted residual (Sandler et al. 2018) without its shortcut, float32."""
        expand, depthwise, project = block.children()
        y = functional.relu6(self._pointwise(expand, x))
        kernels, bias = (p.to(y.dtype) for p in depthwise.parameters())
        y = FixedDepthwise.apply(y, kernels, bias, stride)
        return self._pointwise(project, functional.relu6(y)).float()

    def _pointwise(self, conv: nn.Module, x: Tensor) -> Tensor:
        """A 1 x 1 convolution as a matrix product: the quicker of the two on a CPU."""
        weight, bias = conv.parameters()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.training):
            y = functional.linear(x.permute(0, 2, 3, 1), weight[:, :, 0, 0], bias)
        return y.permute(0, 3, 1, 2)

    def write_back(self, tower: nn.Module) -> None:
        """Stores the tuned weights in `tower`, which must be the one this was made of."""
        for block, tuned in zip(_tuned_blocks(tower), self.blocks, strict=True):
            for (conv, norm), folded in zip(_pairs(block), tuned.children(), strict=True):
                unfold_batch_norm(conv, norm, folded.state_dict())
        conv, norm = _pair(tower, "conv_head", "bn2")
        unfold_batch_norm(conv, norm, self.head.state_dict())


class TextTail(nn.Module):
    """The text tower's last layers on cached tokens of the layer before, to (n, 384)."""

    def __init__(self, tower: BertModel) -> None:
        super().__init__()
        self.config = tower.config
        self.layers = copy.deepcopy(tower.encoder.layer[FROZEN_LAYERS:])

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Mean of the last layer's tokens, (b, 384), of (b, l, 384) tokens and a (b, l) mask."""
        bias = (1 - mask)[:, None, None, :] * -1e4
        for layer in self.layers:
            hidden = self._layer(layer, hidden, bias)
        return (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)

    def _layer(self, layer: nn.Module, hidden: Tensor, bias: Tensor) -> Tensor:
        """One BERT layer, post-norm; the residual stream stays in float32."""
        part = layer.get_submodule
        rate, heads = self.config.hidden_dropout_prob, self.config.num_attention_heads
        q, k, v = (
            part(f"attention.self.{name}")(hidden).unflatten(-1, (heads, -1)).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        dropout = self.config.attention_probs_dropout_prob if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(q, k, v, bias.to(q.dtype), dropout)
        out = part("attention.output.dense")(mixed.transpose(1, 2).flatten(2))
        out = functional.dropout(out, rate, self.training).float()
        hidden = part("attention.output.LayerNorm")(out + hidden.float())
        wide = functional.gelu(part("intermediate.dense")(hidden))
        out = functional.dropout(part("output.dense")(wide), rate, self.training).float()
        result: Tensor = part("output.LayerNorm")(out + hidden)
        return result

    def pool(self, part: tuple[Tensor, Tensor]) -> Tensor:
        """Pooled features (b, 384) float32 of one of `TextParts`' parts."""
        with torch.autocast("cpu", torch.bfloat16):
            pooled: Tensor = self(*part)
        return pooled.float()

    def write_back(self, tower: BertModel) -> None:
        """Stores the tuned layers in `tower`."""
        tower.encoder.layer[FROZEN_LAYERS:].load_state_dict(self.layers.state_dict())


class TextParts:
    """Texts, given by their cached tokens (l, 384) each, in parts of similar length.

    So little is spent on padding. A share `dropped` of the tokens, the first of a text never, is
    hidden.
    """

    def __init__(self, texts: Sequence[NDArray[np.float16]], dropped: float = 0.0) -> None:
        order = np.argsort([len(text) for text in texts], kind="stable")
        self._back = torch.from_numpy(np.argsort(order, kind="stable"))
        self.parts = [
            _pad([texts[i] for i in order[start : start + _CHUNK]])
            for start in range(0, len(order), _CHUNK)
        ]
        if dropped:
            for _, mask in self.parts:
                mask[:, 1:] *= (torch.rand_like(mask[:, 1:]) >= dropped).float()

    def in_order(self, pooled: Tensor) -> Tensor:
        """(n, 384) features of all parts, in the order the texts were given."""
        return pooled[self._back]


class Heads(nn.Module):
    """The two linear projections into the shared space and the log of the logits' scale."""

    def __init__(self, feature_scale: float, dim: int = 512) -> None:
        super().__init__()
        self.feature_scale = feature_scale
        self.image = nn.Linear(1280, dim, bias=False)
        self.text = nn.Linear(384, dim, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def embed_images(self, pooled: Tensor) -> Tensor:
        """(b, d) embeddings, L2-normalised."""
        return functional.normalize(self.image(pooled / self.feature_scale), dim=-1)

    def embed_texts(self, pooled: Tensor) -> Tensor:
        """(b, d) embeddings, L2-normalised; 20 brings unit vectors to the images' range."""
        return functional.normalize(self.text(functional.normalize(pooled, dim=-1) * 20), dim=-1)

    def clamp(self) -> None:
        """Keeps the scale of the logits in [1, 100]."""
        with torch.no_grad():
            self.logit_scale.clamp_(0, math.log(100))


def _tuned_blocks(tower: nn.Module) -> list[nn.Module]:
    """The inverted residuals of the stages that are tuned."""
    stages = list(tower.get_submodule("blocks").children())[FROZEN_STAGES:]
    return [block for stage in stages for block in stage.children()]


def _pairs(block: nn.Module) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """The convolutions of an inverted residual, each with the batch norm behind it."""
    names = (("conv_pw", "bn1"), ("conv_dw", "bn2"), ("conv_pwl", "bn3"))
    return [_pair(block, *pair) for pair in names]


def _pair(module: nn.Module, conv: str, norm: str) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    first, second = module.get_submodule(conv), module.get_submodule(norm)
    if not isinstance(first, nn.Conv2d) or not isinstance(second, nn.BatchNorm2d):
        raise TypeError(f"{conv} and {norm} are not a convolution and its batch norm")
    return first, second


def _folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    folded = copy.deepcopy(conv)
    weight, bias = fold_batch_norm(conv, norm)
    folded.weight, folded.bias = nn.Parameter(weight), nn.Parameter(bias)
    return folded


def _drop_rows(x: Tensor, chance: float) -> Tensor:
    """Stochastic depth (Huang et al. 2016): whole rows set to zero, the others scaled up."""
    if chance == 0.0:
        return x
    kept = (torch.rand(len(x), 1, 1, 1) >= chance).to(x.dtype)
    return x * kept / (1 - chance)


def _pad(rows: Sequence[NDArray[np.float16]]) -> tuple[Tensor, Tensor]:
    """Tokens (b, l, 384) float32, zero-padded, and their mask (b, l) float32."""
    longest = max(len(row) for row in rows)
    hidden = np.zeros((len(rows), longest, rows[0].shape[1]), np.float32)
    mask = np.zeros((len(rows), longest), np.float32)
    for i, row in enumerate(rows):
        hidden[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return torch.from_numpy(hidden), torch.from_numpy(mask)
