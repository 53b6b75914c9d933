"""A cross encoder: language encoder, region encoder, the layers where they meet, the head."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmsearch.rerank.config import RerankerConfig
from mmsearch.rerank.language import LanguageEncoder
from mmsearch.rerank.layers import attention_bias, text_mask
from mmsearch.rerank.lxmert import LxmertEncoder
from mmsearch.rerank.regions import RegionEncoder
from mmsearch.rerank.vilbert import VilbertEncoder


class CrossModality(Protocol):
    """The layers in which words and regions meet."""

    def __call__(self, text: Tensor, bias: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Both streams, `(n, l, h)` and `(n, r, h)`, after every layer."""

    def pool(self, text: Tensor, bias: Tensor, regions: Tensor) -> Tensor:
        """What a pair comes to, `(n, h)`."""


ARRANGEMENTS: Mapping[str, Callable[[RerankerConfig], nn.Module]] = {
    "lxmert": LxmertEncoder,
    "vilbert": VilbertEncoder,
}
"""The arrangements by name; another one is one more file and one more line here."""


class RerankNetwork(nn.Module):
    """Scores pairs of a text and the regions of a picture.

    The logit is the matching head's on the pooled pair plus a learned share of the alignment: how
    well each word finds a region of its own before the streams meet. Aligned streams are what
    makes few layers enough (ALBEF, Li et al. 2021, section 3.2); the alignment itself is the late
    interaction of FILIP (Yao et al. 2022, section 3.1).
    """

    def __init__(self, config: RerankerConfig) -> None:
        super().__init__()
        self.config = config
        self.language = LanguageEncoder(config)
        self.bridge = nn.Linear(config.language_width, config.width)
        self.bridge_norm = nn.LayerNorm(config.width, eps=1e-12)
        self.regions = RegionEncoder(config)
        self.align_words = nn.Linear(config.width, config.align_width)
        self.align_regions = nn.Linear(config.width, config.align_width)
        self.meeting = ARRANGEMENTS[config.arrangement](config)
        self.pooler = nn.Linear(config.width, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.matched = nn.Linear(config.width, 1)
        self.align_share = nn.Parameter(torch.tensor(10.0))

    def read_text(self, tokens: Tensor) -> Tensor:
        """States `(n, l, h)` of tokens `(n, l)` int64, padded with `pad_id`."""
        states: Tensor = self.bridge_norm(self.bridge(self.language(tokens)))
        return states

    def read_regions(self, codes: Tensor) -> Tensor:
        """States `(n, r, h)` of region codes `(n, r, c)`, float32 of the int8 values."""
        states: Tensor = self.regions(codes)
        return states

    def text_mask(self, tokens: Tensor) -> Tensor:
        """1 for words, 0 for padding: `(n, l)` float32."""
        return text_mask(tokens, self.config.pad_id)

    def match(self, text: Tensor, mask: Tensor, regions: Tensor) -> Tensor:
        """Logits `(p,)` of pairs: states `(p, l, h)` with mask `(p, l)`, states `(p, r, h)`."""
        head = self.match_head(self.cross.pool(text, attention_bias(mask), regions))
        words, cells = self.aligned(text, regions)
        best = (words @ cells.transpose(1, 2)).amax(2)
        return head + self.align_share * word_mean(best, mask)

    def match_head(self, pooled: Tensor) -> Tensor:
        """The matching head's part of the logit, `(p,)`, of pooled pairs `(p, h)`."""
        logits: Tensor = self.matched(self.dropout(torch.tanh(self.pooler(pooled))))
        return logits[:, 0].float()

    def aligned(self, text: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
        """Words `(n, l, a)` and regions `(m, r, a)`, L2-normalised, to compare one by one."""
        return (
            functional.normalize(self.align_words(text), dim=-1),
            functional.normalize(self.align_regions(regions), dim=-1),
        )

    @property
    def cross(self) -> CrossModality:
        """The layers in which the streams meet."""
        return cast("CrossModality", self.meeting)


def word_mean(values: Tensor, mask: Tensor) -> Tensor:
    """The mean `(n,)` of `values` `(n, l)` over the places where `mask` `(n, l)` is 1."""
    return (values * mask).sum(-1) / mask.sum(-1)
