"""Runs the frozen lower half of the image tower once, so that training runs only the rest.

The lower stages hold two thirds of the tower's multiplications and learn least in tuning. What
they put out for a few views of every picture is kept on disk in half precision.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .pictures import Picture, ViewConfig, load_view

logger = logging.getLogger(__name__)

FROZEN_STAGES = 5
_BATCH = 32


class FrozenHalf(nn.Module):
    """The image tower with its output before the tuned stages, pooled, and as class scores."""

    def __init__(self, tower: nn.Module) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Stage output (b, h, w, c), pooled (b, 1280), class probabilities (b, 1000)."""
        part = self.tower.get_submodule
        stages = list(part("blocks").children())
        x = part("bn1")(part("conv_stem")(images))
        for stage in stages[:FROZEN_STAGES]:
            x = stage(x)
        activations = x.permute(0, 2, 3, 1)
        for stage in stages[FROZEN_STAGES:]:
            x = stage(x)
        pooled = part("bn2")(part("conv_head")(x)).mean((2, 3))
        return activations, pooled, part("classifier")(pooled).softmax(-1)


@dataclass(frozen=True, slots=True)
class ViewCache:
    """Everything the frozen tower says about one view of n pictures, float16."""

    activations: NDArray[np.float16]  # (n, h, w, c), memory-mapped
    pooled: NDArray[np.float16]  # (n, 1280)
    classes: NDArray[np.float16]  # (n, 1000), rows sum to 1


def cache_view(
    tower: nn.Module, pictures: Sequence[Picture], view: int, folder: Path, config: ViewConfig
) -> ViewCache:
    """The cache of one view, computed unless `folder` already holds it."""
    done = folder / f"done_v{view}"
    if not done.exists():
        _fill(tower, pictures, view, folder, config)
        done.touch()
    return ViewCache(
        np.load(folder / f"acts_v{view}.npy", mmap_mode="r"),
        np.load(folder / f"pool_v{view}.npy"),
        np.load(folder / f"probs_v{view}.npy"),
    )


def _fill(
    tower: nn.Module, pictures: Sequence[Picture], view: int, folder: Path, config: ViewConfig
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    n = len(pictures)
    pooled = np.zeros((n, 1280), np.float16)
    classes = np.zeros((n, 1000), np.float16)
    store: NDArray[np.float16] | None = None
    run = _Runner(FrozenHalf(tower).eval(), config.size)
    for start, images in _batches(pictures, view, config):
        activations, pool, probabilities = run(images)
        if store is None:
            shape = (n, *activations.shape[1:])
            path = folder / f"acts_v{view}.npy"
            store = np.lib.format.open_memmap(path, "w+", np.dtype(np.float16), shape)
        end = start + len(images)
        store[start:end], pooled[start:end], classes[start:end] = activations, pool, probabilities
        if start // _BATCH % 50 == 0:
            logger.info("view %d: %d of %d pictures", view, end, n)
    np.save(folder / f"pool_v{view}.npy", pooled)
    np.save(folder / f"probs_v{view}.npy", classes)


def _batches(
    pictures: Sequence[Picture], view: int, config: ViewConfig
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Pairs of first picture and (b, 3, size, size) float32 in [-1, 1], decoded ahead."""

    def load(start: int) -> NDArray[np.float32]:
        numbers = range(start, min(start + _BATCH, len(pictures)))
        images = np.stack([load_view(pictures[i], i, view, config) for i in numbers])
        return images.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1

    with ThreadPoolExecutor(2) as pool:
        ahead: list[tuple[int, Future[NDArray[np.float32]]]] = []
        for start in range(0, len(pictures), _BATCH):
            ahead.append((start, pool.submit(load, start)))
            if len(ahead) > 2:
                first, future = ahead.pop(0)
                yield first, future.result()
        for first, future in ahead:
            yield first, future.result()


class _Runner:
    """Calls a compiled OpenVINO model; the output order is the module's."""

    def __init__(self, module: nn.Module, size: int) -> None:
        import openvino

        example = torch.zeros(1, 3, size, size)
        model = openvino.convert_model(module, example_input=example, input=[-1, 3, size, size])
        self._compiled = openvino.Core().compile_model(model, "CPU")

    def __call__(self, images: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        return tuple(np.asarray(value) for value in self._compiled(images).values())
