"""What is trained: the network, the projection before it, and heads that only training needs."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmsearch.rerank.config import RerankerConfig
from mmsearch.rerank.layers import attention_bias
from mmsearch.rerank.network import RerankNetwork
from mmsearch.training.reranker.examples import Reduction

LARGEST_CODE = 127.0
_FIRST_SCALE = 14.0
"""Inverse temperature of the alignment's contrast before training."""


class CellProjection(nn.Module):
    """Reduced cells `(n, r', k')` to codes `(n, r, c)`: the learned half of `RegionProjection`."""

    def __init__(self, reduction: Reduction, config: RerankerConfig) -> None:
        super().__init__()
        self._from = (reduction.rows, reduction.columns)
        self._to = (config.rows, config.columns)
        self.linear = nn.Linear(reduction.width, config.channels)

    def forward(self, cells: Tensor) -> Tensor:
        """Codes float32 within [-127, 127]; whole numbers, as they are stored, in evaluation."""
        if self._from != self._to:
            grid = cells.transpose(1, 2).reshape(len(cells), -1, *self._from)
            cells = functional.adaptive_avg_pool2d(grid, self._to).flatten(2).transpose(1, 2)
        # In full precision: half precision's steps are as coarse as those of the codes.
        with torch.autocast(cells.device.type, enabled=False):
            codes: Tensor = self.linear(cells.float()).clamp(-LARGEST_CODE, LARGEST_CODE)
        return codes if self.training else codes.round()


class PretrainingHeads(nn.Module):
    """Heads of the objectives that a finished reranker has no use for."""

    def __init__(self, config: RerankerConfig) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(_FIRST_SCALE)))
        self.words = nn.Sequential(
            nn.Linear(config.width, config.language_width),
            nn.GELU(),
            nn.LayerNorm(config.language_width),
        )
        self.word_bias = nn.Parameter(torch.zeros(config.vocabulary))
        self.regions = nn.Linear(config.width, config.channels)

    def tell_words(self, states: Tensor, embeddings: Tensor) -> Tensor:
        """Logits `(p, vocabulary)` of hidden words, by the language encoder's own embeddings.

        Args:
            states: `(p, h)` where the words are hidden.
            embeddings: `(vocabulary, language_width)`.
        """
        logits: Tensor = self.words(states) @ embeddings.T + self.word_bias
        return logits.float()


class RerankerModel(nn.Module):
    """All parameters of a run."""

    def __init__(self, reduction: Reduction, config: RerankerConfig, frozen_layers: int) -> None:
        super().__init__()
        self.network = RerankNetwork(config)
        self.projection = CellProjection(reduction, config)
        self.heads = PretrainingHeads(config)
        self._frozen = min(frozen_layers, config.language_layers)
        self._reset()

    def freeze(self) -> None:
        """Let the embeddings and the lower layers of the language encoder stay as they are."""
        language = self.network.language
        frozen = (language.words, language.positions, language.segments, language.norm)
        for module in (*frozen, *language.layers[: self._frozen]):
            module.requires_grad_(False)

    def lower(self, tokens: Tensor) -> Tensor:
        """States `(n, l, language_width)` after the frozen layers, of tokens `(n, l)` int64."""
        language = self.network.language
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = language.words(tokens) + language.positions(places) + language.segments.weight[0]
        x = language.norm(x)
        bias = attention_bias(self.network.text_mask(tokens))
        for layer in language.layers[: self._frozen]:
            x = layer(x, bias)
        result: Tensor = x
        return result

    def upper(self, states: Tensor, mask: Tensor) -> Tensor:
        """States `(n, l, language_width)` after all layers, of `lower`'s; `mask` `(n, l)`."""
        bias = attention_bias(mask)
        for layer in self.network.language.layers[self._frozen :]:
            states = layer(states, bias)
        return states

    def bridge(self, states: Tensor) -> Tensor:
        """The network's text states `(n, l, h)` of those of `upper`."""
        bridged: Tensor = self.network.bridge_norm(self.network.bridge(states))
        return bridged

    def _reset(self) -> None:
        """Small random weights, as BERT has them, outside the language encoder."""
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear) and not name.startswith("network.language"):
                boxes = name.endswith("regions.boxes")
                nn.init.normal_(module.weight, std=0.5 if boxes else 0.02)
                nn.init.zeros_(module.bias)
