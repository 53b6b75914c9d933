"""Dual encoders through torch: what CUDA runs, and the plain reference on the CPU."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, TypeVar

import numpy as np
import torch

from mmsearch.encoders.rows import check_images, empty_with_regions, normalised
from mmsearch.encoders.taps import TappedTower, check_channels, quantised
from mmsearch.encoders.tokenize import TextBatcher, TokenizerRules
from mmsearch.encoders.torch_model import LoadedModel, OpenClipTokenizer
from mmsearch.encoders.transfers import on_device
from mmsearch.errors import ModelError
from mmsearch.rerank_types import RegionCodes, RegionProjection
from mmsearch.types import Embeddings, ImageTensor, Space

logger = logging.getLogger(__name__)

_Output = TypeVar("_Output")


class TorchEncoder:
    """A `DualEncoder` in torch, on the device where `loaded.model` lies. Thread-safe.

    With `precision` bf16 a model of float32 computes in bfloat16 where that does little harm.
    """

    def __init__(
        self,
        space: Space,
        loaded: LoadedModel,
        precision: Literal["fp32", "bf16"] = "fp32",
        batch_size: int = 32,
    ) -> None:
        self._space = space
        self._model = loaded.model
        weight = next(loaded.model.parameters())
        self._device, self._dtype = weight.device, weight.dtype
        self._mixed = precision == "bf16"
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
        if not len(images):
            return np.empty((0, self._space.dim), np.float32)
        rows = self._in_batches(images, lambda batch: self._run("encode_image", batch))
        return normalised(torch.cat(rows).cpu().numpy())

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embeddings `(n, d)` of `n` texts; longer ones are cut at the context length."""
        out = np.empty((len(texts), self._space.dim), np.float32)
        if not texts:
            return out
        for batch in self._batcher.batches(texts):
            tokens = torch.from_numpy(batch.tokens).to(self._device)
            out[batch.numbers] = self._run("encode_text", tokens).cpu().numpy()
        return normalised(out)

    def _in_batches(
        self, images: ImageTensor, run: Callable[[torch.Tensor], _Output]
    ) -> list[_Output]:
        """What `run` gives for pictures `(b, 3, h, w)` as the model wants them, batch by batch.

        It stays on the device, so that no batch waits for the way back of the one before. Where
        memory does not do for a batch, this encoder takes half of it from then on.

        Raises:
            ModelError: It does not do for one picture.
        """
        outputs: list[_Output] = []
        done = 0
        while done < len(images):
            try:
                for batch in on_device(images[done:], self._batch_size, self._device):
                    pictures = batch.permute(0, 3, 1, 2).float().div(255.0)
                    pictures = ((pictures - self._mean) / self._std).to(self._dtype)
                    outputs.append(run(pictures))
                    done += len(batch)
            except torch.OutOfMemoryError as exc:
                self._take_smaller_batches(exc)
        return outputs

    def _take_smaller_batches(self, exc: Exception) -> None:
        if self._batch_size == 1:
            raise ModelError(
                "the GPU has too little memory for one picture: "
                "close other programs that use it, or take device 'cpu'"
            ) from exc
        self._batch_size //= 2
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        logger.warning("the GPU's memory is short: %d pictures a batch now", self._batch_size)

    @contextmanager
    def _running(self) -> Iterator[None]:
        """Alone on the model, without gradients, in the precision asked for."""
        with (
            self._lock,
            torch.inference_mode(),
            torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._mixed),
        ):
            yield

    def _run(
        self, tower: Literal["encode_image", "encode_text"], batch: torch.Tensor
    ) -> torch.Tensor:
        """The output `(n, d)` float32 of one batch, on the device; not normalised."""
        with self._running():
            rows: torch.Tensor = getattr(self._model, tower)(batch)
            return rows.float()


class TorchRegionEncoder(TorchEncoder):
    """A `RegionEncoder` in torch."""

    def __init__(
        self,
        space: Space,
        loaded: LoadedModel,
        projection: RegionProjection,
        precision: Literal["fp32", "bf16"] = "fp32",
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
        if not len(images):
            return empty_with_regions(self._space, self._projection)
        outputs = self._in_batches(images, self._run_with_regions)
        rows, codes = (torch.cat(part).cpu().numpy() for part in zip(*outputs, strict=True))
        return normalised(rows), codes

    def _run_with_regions(self, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Embeddings `(n, d)` float32 and codes `(n, r, c)` int8 of one batch, on the device."""
        with self._running():
            rows, cells = self._tapped(batch)
        # In float32: the steps of half precision are as coarse as those of the codes.
        check_channels(cells.shape[2], self._weight)
        return rows.float(), quantised(cells @ self._weight.T + self._bias)
