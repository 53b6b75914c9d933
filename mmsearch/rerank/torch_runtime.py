"""Cross encoders through torch: half precision on CUDA, the plain reference on the CPU."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmsearch.rerank.batching import PassSize
from mmsearch.rerank.network import RerankNetwork
from mmsearch.rerank.scoring import MatchInputs, RunSizes, States
from mmsearch.rerank_types import RegionCodes
from mmsearch.types import Scores

RUN_SIZES = RunSizes(texts=256, pictures=PassSize(256), pairs=PassSize(512))
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

Precision = Literal["fp32", "bf16", "fp16"]


class TorchTowers:
    """`Towers` in torch, on the device where `network` lies. Thread-safe."""

    def __init__(self, network: RerankNetwork, precision: Precision = "fp32") -> None:
        self._network = network.eval()
        self._device = next(network.parameters()).device
        self._dtype = _DTYPES[precision]
        self._lock = threading.Lock()

    def read_texts(self, batches: Iterable[NDArray[np.int64]]) -> list[States]:
        """States `(n, l, h)` of each batch of tokens `(n, l)` int64."""
        return [self._run(self._network.read_text, tokens) for tokens in batches]

    def read_regions(self, batches: Iterable[RegionCodes]) -> list[States]:
        """States `(n, r, h)` of each batch of codes `(n, r, c)` int8."""
        return [
            self._run(self._network.read_regions, codes.astype(np.float32)) for codes in batches
        ]

    def match(self, batches: Iterable[MatchInputs]) -> list[Scores]:
        """Logits `(p,)` of each batch of pairs."""
        return [self._run(self._network.match, *inputs) for inputs in batches]

    def _run(
        self, part: Callable[..., Tensor], *arrays: NDArray[np.generic]
    ) -> NDArray[np.float32]:
        """What `part` gives for `arrays`, float32 on the CPU."""
        half = self._dtype is not torch.float32
        with (
            self._lock,
            torch.inference_mode(),
            torch.autocast(self._device.type, dtype=self._dtype, enabled=half),
        ):
            tensors = [torch.from_numpy(np.ascontiguousarray(array)) for array in arrays]
            out = part(*(tensor.to(self._device) for tensor in tensors))
            result: NDArray[np.float32] = out.float().cpu().numpy()
            return result
