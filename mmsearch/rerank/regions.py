"""The object-relationship encoder (Tan & Bansal 2019, sections 2.1 and 2.2), over grid cells."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmsearch.rerank.config import RerankerConfig
from mmsearch.rerank.layers import Layer

_CODE_RANGE = 32.0
"""A code's usual size: brings codes to about unit variance."""


class RegionEncoder(nn.Module):
    """Codes of regions and where they lie, related to each other."""

    def __init__(self, config: RerankerConfig) -> None:
        super().__init__()
        self.features = nn.Linear(config.channels, config.width)
        self.features_norm = nn.LayerNorm(config.width, eps=1e-12)
        self.boxes = nn.Linear(4, config.width)
        self.boxes_norm = nn.LayerNorm(config.width, eps=1e-12)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(
            Layer(config.width, config.heads, config.dropout) for _ in range(config.region_layers)
        )
        self.register_buffer("places", grid_boxes(config.rows, config.columns), persistent=False)

    def forward(self, codes: Tensor) -> Tensor:
        """States `(n, r, h)` of region codes `(n, r, c)`, float32 of the int8 values."""
        seen = self.features_norm(self.features(codes / _CODE_RANGE))
        x = self.dropout((seen + self.boxes_norm(self.boxes(self.places))) / 2)
        for layer in self.layers:
            x = layer(x, None)
        result: Tensor = x
        return result


def grid_boxes(rows: int, columns: int) -> Tensor:
    """Boxes `(r, 4)` float32 of a grid's cells, row by row: left, top, right, bottom in [-1, 1]."""
    tops = torch.arange(rows).repeat_interleave(columns) / rows
    lefts = torch.arange(columns).repeat(rows) / columns
    corners = (lefts, tops, lefts + 1 / columns, tops + 1 / rows)
    return torch.stack(corners, 1) * 2 - 1
