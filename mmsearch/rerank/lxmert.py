"""LXMERT's cross-modality encoder (Tan & Bansal 2019, section 2.2)."""

from __future__ import annotations

from torch import Tensor, nn

from mmsearch.rerank.config import RerankerConfig
from mmsearch.rerank.layers import AttentionBlock, Layer


class LanguageHalf(nn.Module):
    """Words look at regions, then at each other, then pass a feed-forward part."""

    def __init__(self, config: RerankerConfig) -> None:
        super().__init__()
        sizes = (config.width, config.heads, config.dropout)
        self.cross = AttentionBlock(*sizes)
        self.language = Layer(*sizes)

    def forward(self, text: Tensor, bias: Tensor, regions: Tensor) -> Tensor:
        """`text` `(n, l, h)` after the layer."""
        result: Tensor = self.language(self.cross(text, regions, None), bias)
        return result


class CrossModalityLayer(nn.Module):
    """Each stream looks at the other, then at itself, then passes a feed-forward part.

    As in LXMERT's code, one cross-attention serves both directions.
    """

    def __init__(self, config: RerankerConfig) -> None:
        super().__init__()
        self.words = LanguageHalf(config)
        self.vision = Layer(config.width, config.heads, config.dropout)

    def forward(self, text: Tensor, bias: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Both streams, `(n, l, h)` and `(n, r, h)`, after the layer."""
        seen = self.words.cross(regions, text, bias)
        return self.words(text, bias, regions), self.vision(seen, None)


class LxmertEncoder(nn.Module):
    """A stack of cross-modality layers; the [CLS] state stands for the pair.

    The last layer has its language half only: nothing would read what its vision half writes.
    """

    def __init__(self, config: RerankerConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            CrossModalityLayer(config) for _ in range(config.cross_layers - 1)
        )
        self.last = LanguageHalf(config)

    def forward(self, text: Tensor, bias: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Both streams, `(n, l, h)` and `(n, r, h)`, after every layer."""
        for layer in self.layers:
            text, regions = layer(text, bias, regions)
        return self.last(text, bias, regions), regions

    def pool(self, text: Tensor, bias: Tensor, regions: Tensor) -> Tensor:
        """What a pair comes to, `(n, h)`."""
        words: Tensor
        words, _ = self(text, bias, regions)
        return words[:, 0]
