"""ViLBERT's two streams with co-attention (Lu et al. 2019, section 3.1)."""

from __future__ import annotations

from torch import Tensor, nn

from mmsearch.rerank.config import RerankerConfig
from mmsearch.rerank.layers import AttentionBlock, FeedForward, Layer


class CoAttentionLayer(nn.Module):
    """One stream's half of a co-attentional transformer layer, then a plain one.

    Queries come from the stream itself, keys and values from the other; each stream has weights of
    its own.
    """

    def __init__(self, config: RerankerConfig) -> None:
        super().__init__()
        sizes = (config.width, config.heads, config.dropout)
        self.cross = AttentionBlock(*sizes)
        self.feed_forward = FeedForward(config.width, config.dropout)
        self.own = Layer(*sizes)

    def forward(
        self, x: Tensor, own_bias: Tensor | None, other: Tensor, other_bias: Tensor | None
    ) -> Tensor:
        """This stream `(n, l, h)` after it has looked at the other one `(n, m, h)`."""
        seen = self.feed_forward(self.cross(x, other, other_bias))
        result: Tensor = self.own(seen, own_bias)
        return result


class VilbertEncoder(nn.Module):
    """Co-attention layers; the product of both streams' summaries stands for the pair."""

    def __init__(self, config: RerankerConfig) -> None:
        super().__init__()
        count = config.cross_layers
        self.language = nn.ModuleList(CoAttentionLayer(config) for _ in range(count))
        self.vision = nn.ModuleList(CoAttentionLayer(config) for _ in range(count))

    def forward(self, text: Tensor, bias: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Both streams, `(n, l, h)` and `(n, r, h)`, after every layer."""
        for language, vision in zip(self.language, self.vision, strict=True):
            text, regions = (
                language(text, bias, regions, None),
                vision(regions, None, text, bias),
            )
        return text, regions

    def pool(self, text: Tensor, bias: Tensor, regions: Tensor) -> Tensor:
        """What a pair comes to, `(n, h)`: [CLS] times the mean region.

        Lu et al. take a token for the whole picture as the vision stream's summary; grid cells
        cover the picture, so their mean is one.
        """
        words: Tensor
        cells: Tensor
        words, cells = self(text, bias, regions)
        return words[:, 0] * cells.mean(1)
