"""Transformer parts that both arrangements are built of (Vaswani et al. 2017, section 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_HIDDEN = -1e4
"""Added to the logits of hidden keys: small enough for half precision."""


class Attention(nn.Module):
    """Multi-head attention of one stream to another, or to itself."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, context: Tensor, bias: Tensor | None) -> Tensor:
        """What `x` `(n, l, h)` takes from `context` `(n, m, h)`, `(n, l, h)`.

        `bias`, `(n, 1, 1, m)`, is added to the logits: see `attention_bias`.
        """
        q, k, v = (
            self._split(projection(source))
            for projection, source in (
                (self.query, x),
                (self.key, context),
                (self.value, context),
            )
        )
        mask = None if bias is None else bias.to(q.dtype)
        mixed = functional.scaled_dot_product_attention(q, k, v, mask)
        joined: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return joined

    def _split(self, x: Tensor) -> Tensor:
        """`(n, l, h)` to `(n, heads, l, h / heads)`."""
        n, length, _ = x.shape
        return x.view(n, length, self.heads, -1).transpose(1, 2)


class AttentionBlock(nn.Module):
    """An attention sublayer: residual connection, then layer norm, as in BERT."""

    def __init__(self, width: int, heads: int, dropout: float, epsilon: float = 1e-12) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.norm = nn.LayerNorm(width, eps=epsilon)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, context: Tensor, bias: Tensor | None) -> Tensor:
        """`x` `(n, l, h)` after it has looked at `context` `(n, m, h)`."""
        seen = self.dropout(self.attention(x, context, bias))
        result: Tensor = self.norm(x + seen)
        return result


class FeedForward(nn.Module):
    """The other sublayer: two linear maps, four times as wide between them."""

    def __init__(self, width: int, dropout: float, epsilon: float = 1e-12) -> None:
        super().__init__()
        self.wide = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)
        self.norm = nn.LayerNorm(width, eps=epsilon)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """`x` `(n, l, h)`, each place on its own."""
        changed = self.dropout(self.narrow(functional.gelu(self.wide(x))))
        result: Tensor = self.norm(x + changed)
        return result


class Layer(nn.Module):
    """A transformer layer over one stream: attention to itself, then the feed-forward part."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.attention = AttentionBlock(width, heads, dropout)
        self.feed_forward = FeedForward(width, dropout)

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """`x` `(n, l, h)`; `bias` hides places of it."""
        result: Tensor = self.feed_forward(self.attention(x, x, bias))
        return result


def attention_bias(mask: Tensor) -> Tensor:
    """What hides the places where `mask` `(n, m)` is 0, `(n, 1, 1, m)` to add to logits."""
    return (1 - mask)[:, None, None, :] * _HIDDEN


def text_mask(tokens: Tensor, pad_id: int) -> Tensor:
    """1 for words, 0 for padding: `(n, l)` float32 of tokens `(n, l)` int64."""
    return (tokens != pad_id).to(torch.float32)
