"""Draws what one step of joint tuning works on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .activations import ViewCache
from .config import JointConfig
from .prepared import Prepared
from .sampling import Batch, Indices


@dataclass(frozen=True, slots=True)
class StepInput:
    """Pictures and texts of one step: b pictures, m captions of them, c class names, a anchors."""

    batch: Batch
    grids: Tensor  # (b, side, side, c) float32, cached activations
    steady: Tensor  # (2 * s, h, w, c) float32, one view of s pictures, then another
    tokens: list[NDArray[np.float16]]  # of m + c + a texts, (l, 384) each
    frozen: Tensor  # (m + c + a, 384) float32, what the frozen text tower makes of them
    classes: Tensor  # (b, c) float32, the image tower's own probabilities


def draw(batch: Batch, data: Prepared, config: JointConfig, rng: np.random.Generator) -> StepInput:
    """One view of the batch's pictures, their captions, class names and texts to hold on to."""
    view = data.views[rng.integers(len(data.views))]
    classes = torch.from_numpy(view.classes[batch.pictures].astype(np.float32))
    chosen = _choose_classes(classes, config.classes, rng)
    named = np.asarray([rng.choice(data.class_rows[c]) for c in chosen])
    groups = [(data.caption_tokens, batch.captions), (data.class_tokens, named)]
    groups += [(t, rng.choice(len(t), config.anchors, replace=False)) for t in data.anchors]
    frozen = np.concatenate([texts.pooled[rows] for texts, rows in groups])
    side = int(rng.choice(config.windows))
    return StepInput(
        batch=batch,
        grids=windows(read_grids(view, batch.pictures), side, rng),
        steady=_steady_grids(batch, data, config, rng),
        tokens=[texts.rows(int(i)) for texts, rows in groups for i in rows],
        frozen=torch.from_numpy(frozen.astype(np.float32)),
        classes=classes[:, chosen],
    )


def read_grids(view: ViewCache, pictures: Indices) -> Tensor:
    """(b, h, w, c) float32 activations of one cached view of `pictures`."""
    return torch.from_numpy(np.stack([view.activations[i] for i in pictures]).astype(np.float32))


def windows(grids: Tensor, side: int, rng: np.random.Generator) -> Tensor:
    """A (b, side, side, c) part of each of (b, h, w, c) grids, at a place of its own."""
    spare = grids.shape[1] - side
    if spare == 0:
        return grids
    places = rng.integers(spare + 1, size=(len(grids), 2))
    parts = [g[y : y + side, x : x + side] for g, (y, x) in zip(grids, places, strict=True)]
    return torch.stack(parts)


def _steady_grids(
    batch: Batch, data: Prepared, config: JointConfig, rng: np.random.Generator
) -> Tensor:
    """Some of the batch's pictures written over, then plain or with other writing."""
    pictures = rng.choice(batch.pictures, config.steady, replace=False)
    written = rng.permutation(np.arange(data.first_written, len(data.views)))
    pair = (int(written[0]), int(rng.choice([0, written[1]])))
    return torch.cat([read_grids(data.views[view], pictures) for view in pair])


def _choose_classes(classes: Tensor, count: int, rng: np.random.Generator) -> Indices:
    """The two likeliest classes of each picture, filled up to `count` at random, ascending."""
    likely = np.unique(classes.topk(2).indices.numpy())
    others = rng.choice(np.setdiff1d(np.arange(classes.shape[1]), likely), count, replace=False)
    missing = max(0, count - len(likely))
    return np.sort(np.concatenate([likely, others[:missing]]))
