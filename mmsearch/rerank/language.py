"""The language encoder: BERT (Devlin et al. 2019, sections 3 and 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmsearch.rerank.config import RerankerConfig
from mmsearch.rerank.layers import Layer, attention_bias, text_mask


class LanguageEncoder(nn.Module):
    """Token ids to contextual token states."""

    def __init__(self, config: RerankerConfig) -> None:
        super().__init__()
        width = config.language_width
        self.pad_id = config.pad_id
        self.words = nn.Embedding(config.vocabulary, width)
        self.positions = nn.Embedding(config.max_tokens, width)
        self.segments = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(
            Layer(width, config.language_heads, config.dropout)
            for _ in range(config.language_layers)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """States `(n, l, language_width)` of tokens `(n, l)` int64, [CLS] first.

        The input is the sum of word, position and segment embeddings; a text alone is all in
        segment 0.
        """
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.words(tokens) + self.positions(places) + self.segments.weight[0]
        x = self.dropout(self.norm(x))
        bias = attention_bias(text_mask(tokens, self.pad_id))
        for layer in self.layers:
            x = layer(x, bias)
        result: Tensor = x
        return result
