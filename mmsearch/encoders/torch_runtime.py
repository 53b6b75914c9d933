"""Dual encoders through torch: half precision on CUDA, the plain reference on the CPU."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import numpy as np
import torch

from mmsearch.encoders.rows import check_images, empty_with_regions, normalised
from mmsearch.encoders.taps import TappedTower, check_channels, quantised
from mmsearch.encoders.tokenize import TextBatcher, TokenizerRules
from mmsearch.encoders.torch_model import LoadedModel, OpenClipTokenizer
from mmsearch.rerank_types import RegionCodes, RegionProjection
from mmsearch.types import Embeddings, ImageTensor, Space

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class TorchEncoder:
    """A `DualEncoder` in torch, on the device where `loaded.model` lies. Thread-safe."""

    def __init__(
        self,
        space: Space,
        loaded: LoadedModel,
        precision: Literal["fp32", "bf16", "fp16"] = "fp32",
        batch_size: int = 32,
    ) -> None:
        self._space = space
        self._model = loaded.model
        self._device = next(loaded.model.parameters()).device
        self._dtype = _DTYPES[precision]
        self._batch_size = batch_size
        length = loaded.definition.text.context_length
        rules = TokenizerRules(length, fixed_length=True)
        self._batcher = TextBatcher(OpenClipTokenizer(loaded.tokenizer), rules, batch_size)
        self._mean = torch.tensor(loaded.mean, device=self._device).view(1, 3, 1, 1)
        self._std = torch.tensor(loaded.std, device=self._device).view(1, 3, 1, 1)
        self._lock = threading.Lock()

    @property
    def space(self) -> Space:
        """The space all embeddings of this encoder belong to."""
        return self._space

    def encode_images(self, images: ImageTensor) -> Embeddings:
        """Embeddings `(n, d)` of pictures `(n, h, w, 3)` uint8 at `space.input` size."""
        check_images(images, self._space.input)
        out = np.empty((len(images), self._space.dim), np.float32)
        for start, pictures in self._batches(images):
            rows = self._run("encode_image", pictures)
            out[start : start + len(rows)] = rows
        return normalised(out)

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embeddings `(n, d)` of `n` texts; longer ones are cut at the context length."""
        out = np.empty((len(texts), self._space.dim), np.float32)
        if not texts:
            return out
        for batch in self._batcher.batches(texts):
            tokens = torch.from_numpy(batch.tokens).to(self._device)
            out[batch.numbers] = self._run("encode_text", tokens)
        return normalised(out)

    def _batches(self, images: ImageTensor) -> Iterator[tuple[int, torch.Tensor]]:
        """Pictures `(n, 3, h, w)` as the model wants them, a batch at a time, with their start."""
        for start in range(0, len(images), self._batch_size):
            batch = torch.from_numpy(np.ascontiguousarray(images[start : start + self._batch_size]))
            pictures = batch.to(self._device).permute(0, 3, 1, 2).float().div(255.0)
            yield start, (pictures - self._mean) / self._std

    @contextmanager
    def _running(self) -> Iterator[None]:
        """Alone on the model, without gradients, in the precision asked for."""
        half = self._dtype is not torch.float32
        with (
            self._lock,
            torch.inference_mode(),
            torch.autocast(self._device.type, dtype=self._dtype, enabled=half),
        ):
            yield

    def _run(
        self, tower: Literal["encode_image", "encode_text"], batch: torch.Tensor
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        """The output `(n, d)` float32 of one batch; not normalised."""
        with self._running():
            rows: torch.Tensor = getattr(self._model, tower)(batch)
            return rows.float().cpu().numpy()


class TorchRegionEncoder(TorchEncoder):
    """A `RegionEncoder` in torch."""

    def __init__(
        self,
        space: Space,
        loaded: LoadedModel,
        projection: RegionProjection,
        precision: Literal["fp32", "bf16", "fp16"] = "fp32",
        batch_size: int = 32,
    ) -> None:
        super().__init__(space, loaded, precision, batch_size)
        self._projection = projection
        self._tapped = TappedTower(
            loaded.model, projection.taps, projection.rows, projection.columns
        )
        self._weight = torch.tensor(projection.weight, device=self._device)
        self._bias = torch.tensor(projection.bias, device=self._device)

    @property
    def projection(self) -> RegionProjection:
        """How its grids become region features."""
        return self._projection

    def encode_with_regions(self, images: ImageTensor) -> tuple[Embeddings, RegionCodes]:
        """Embeddings `(n, d)` and region features `(n, r, c)` of pictures `(n, h, w, 3)` uint8."""
        check_images(images, self._space.input)
        out, codes = empty_with_regions(self._space, self._projection, len(images))
        for start, pictures in self._batches(images):
            with self._running():
                rows, cells = self._tapped(pictures)
            end = start + len(rows)
            out[start:end] = rows.float().cpu().numpy()
            # Outside half precision: its steps are as coarse as those of the codes.
            check_channels(cells.shape[2], self._weight)
            values = cells @ self._weight.T + self._bias
            codes[start:end] = quantised(values).cpu().numpy()
        return normalised(out), codes
