"""The model in training: uint8 pictures and token rows in, normalised embeddings out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mmsearch.encoders.torch_model import LoadedModel
from mmsearch.training.augment import Variation, vary
from mmsearch.training.settings import Amp
from mmsearch.types import ImageTensor

_EMBED_BATCH = 64
_Tower = Callable[[Tensor], Tensor]


class Network:
    """Both towers of a loaded model on one device, with mixed precision where it helps."""

    def __init__(self, loaded: LoadedModel, device: torch.device, amp: Amp) -> None:
        self.loaded = loaded
        self.device = device
        self.model = loaded.model.to(device)
        if any(isinstance(module, nn.Conv2d) for module in self.model.modules()):
            self.model = self.model.to(memory_format=torch.channels_last)
        self.half = half_type(device, amp)
        self._mean = torch.tensor(loaded.mean, device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(loaded.std, device=device).view(1, 3, 1, 1)

    @property
    def logit_scale(self) -> nn.Parameter:
        """The log of the temperature's inverse, a scalar."""
        return cast("nn.Parameter", self.model.logit_scale)

    def set_mode(self, training: bool, dropout: bool, batch_norm: bool) -> None:
        """Training or evaluation; frozen batch norm keeps its statistics in both."""
        self.model.train(training and dropout)
        for module in self.model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                trained = any(p.requires_grad for p in module.parameters())
                module.train(training and batch_norm and trained)

    def inputs(
        self,
        pictures: ImageTensor,
        variation: Variation | None = None,
        draws: NDArray[np.float64] | None = None,
    ) -> Tensor:
        """What the image tower takes: `(b, 3, h, w)` float32, varied and normalised."""
        pixels = torch.from_numpy(np.ascontiguousarray(pictures)).to(self.device)
        scaled = pixels.permute(0, 3, 1, 2).float().div_(255)  # strides stay channels-last
        if variation is not None and draws is not None:
            scaled = vary(scaled, variation, draws)
        normalised = (scaled - self._mean) / self._std
        return normalised.contiguous(memory_format=torch.channels_last)

    def tokens(self, texts: Sequence[str]) -> Tensor:
        """Token rows `(t, l)` int64, cut to the longest where the tower masks padding."""
        rows = self.loaded.tokenizer(texts)
        padding = getattr(
            getattr(getattr(self.model, "text", None), "config", None), "pad_token_id", None
        )
        if padding is not None:
            longest = int((rows != padding).sum(1).max())
            rows = rows[:, : max(1, longest)]
        return rows.to(self.device)

    def embed_images(self, inputs: Tensor) -> Tensor:
        """Embeddings `(b, d)` float32, L2-normalised."""
        return self._embed(cast("_Tower", self.model.encode_image), inputs)

    def embed_texts(self, tokens: Tensor) -> Tensor:
        """Embeddings `(t, d)` float32, L2-normalised."""
        return self._embed(cast("_Tower", self.model.encode_text), tokens)

    def all_texts(self, texts: Sequence[str]) -> Tensor:
        """Embeddings `(t, d)` of many texts, without a graph."""
        with torch.no_grad():
            parts = [
                self.embed_texts(self.tokens(texts[start : start + _EMBED_BATCH]))
                for start in range(0, len(texts), _EMBED_BATCH)
            ]
        return torch.cat(parts)

    def embed_with(self, tower: nn.Module, inputs: Tensor) -> Tensor:
        """Embeddings `(b, d)` by another form of a tower."""
        return self._embed(cast("_Tower", tower), inputs)

    def _embed(self, tower: _Tower, inputs: Tensor) -> Tensor:
        # The cache of cast weights would outlive a no-grad pass and cut the graph of the next.
        with torch.autocast(
            self.device.type, self.half, enabled=self.half is not None, cache_enabled=False
        ):
            embedded = tower(inputs)
        return functional.normalize(embedded.float(), dim=-1)


def half_type(device: torch.device, amp: Amp) -> torch.dtype | None:
    """The half precision to compute in on `device`; None = float32.

    On a CPU the backward pass of depthwise convolutions is slower in bfloat16 than in float32,
    so there it has to be asked for.
    """
    if amp == "off" or (amp == "auto" and device.type != "cuda"):
        return None
    if device.type == "cuda" and not torch.cuda.is_bf16_supported():
        return torch.float16
    return torch.bfloat16
