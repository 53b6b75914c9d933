"""A first model whose alignment finds pictures before it has learned anything.

The dual encoder's embeddings are nearly linear in the mean of its cells and in the mean of its
token states. Two ridge regressions find those maps; applied to single cells and single tokens
they put both into the dual space, where they can be compared. The network's first channels are
made principal directions of that space.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mmsearch.rerank.layers import Layer
from mmsearch.training.reranker.examples import CaptionIndex, Examples
from mmsearch.training.reranker.language import LanguageStart
from mmsearch.training.reranker.model import RerankerModel
from mmsearch.training.reranker.states import padded

_SAMPLE = 3000
"""Pictures that the regressions see, each with one caption."""
_DETAILED = 300
"""Pictures whose single cells are looked at."""
_BATCH = 64
_RIDGE = 1e-1
"""Strength of the regressions' penalty, relative to the inputs' mean variance."""
_CODE_SPREAD = 32.0
"""Standard deviation of a code's channels: four of them fit into int8."""
_CODE_NOISE = 100.0
"""Makes the projection's random weights of 0.02 large enough to be seen in whole numbers."""
_START = 6
"""Keeps this draw apart from the others of a run."""


@dataclass(frozen=True, slots=True, eq=False)
class _Linear:
    """A map `x @ weight.T + bias`: `weight` `(out, in)`, `bias` `(out,)`."""

    weight: Tensor
    bias: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        result: Tensor = x @ self.weight.T + self.bias
        return result


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    """Pictures s with a caption each, of one fold.

    `means` `(s, k')` of their cells, `cells` `(p, k')` single ones of a few; `words`
    `(s, language_width)` mean token states; `images`, `texts` `(s, d)` dual embeddings.
    """

    means: Tensor
    cells: Tensor
    words: Tensor
    images: Tensor
    texts: Tensor


def start_model(
    model: RerankerModel, examples: Examples, language: LanguageStart, dual_channels: int, seed: int
) -> None:
    """Give `model`, on the CPU, the weights that training starts from."""
    with torch.no_grad():
        language.copy_to(model.network.language)
        if dual_channels:
            sample = _sample(model, examples, seed)
            _start_in_dual_space(model, sample, dual_channels)
        else:
            _start_plainly(model)


def _start_plainly(model: RerankerModel) -> None:
    """Codes are the first reduced channels, at a size that int8 can hold."""
    weight = model.projection.linear.weight
    weight.mul_(_CODE_NOISE)
    weight += torch.eye(*weight.shape) * _CODE_SPREAD


def _start_in_dual_space(model: RerankerModel, sample: _Sample, dual_channels: int) -> None:
    """Set the projection, the bridge and what aligns words and regions."""
    to_image = _ridge(sample.means, sample.images)
    to_text = _ridge(sample.words, sample.texts)
    cells = functional.normalize(to_image(sample.cells), dim=1)
    known = torch.cat([sample.images, sample.texts])
    directions = _principal(cells.T @ cells / len(cells) + known.T @ known / len(known))
    network, config = model.network, model.network.config
    wide = min(config.width, directions.shape[1])
    network.bridge.weight[:wide] = directions[:, :wide].T @ to_text.weight
    network.bridge.bias[:wide] = directions[:, :wide].T @ to_text.bias
    for align in (network.align_words, network.align_regions):
        align.weight.copy_(torch.eye(config.align_width, config.width))
        align.bias.zero_()
    first = min(dual_channels, config.channels, wide)
    part = directions[:, :first]
    seen = _Linear(part.T @ to_image.weight, part.T @ to_image.bias)
    _start_projection(model, sample.cells, seen)
    _start_regions(model, first)


def _start_projection(model: RerankerModel, cells: Tensor, seen: _Linear) -> None:
    """Codes are `seen` of a cell, then principal components of what that does not tell."""
    linear = model.projection.linear
    first, channels = len(seen.weight), len(linear.weight)
    # One scale for all: it is their proportions that make a cosine.
    scale = _CODE_SPREAD / float(seen(cells).std(0).mean().clamp(min=1e-6))
    linear.weight[:first] = seen.weight * scale
    linear.bias[:first] = seen.bias * scale
    if first == channels:
        return
    basis, _ = torch.linalg.qr(seen.weight.T)
    mean = cells.mean(0)
    rest = cells - mean
    rest = rest - (rest @ basis) @ basis.T
    directions = _principal(rest.T @ rest / len(rest))[:, : channels - first]
    spread = (rest @ directions).std(0)
    # Directions in which nothing differs stay silent instead of being blown up.
    scales = torch.where(spread > 1e-3 * spread.max(), _CODE_SPREAD / spread, 0.0)
    last = first + directions.shape[1]
    linear.weight[first:last] = (directions * scales).T
    linear.bias[first:last] = -(mean @ directions) * scales


def _start_regions(model: RerankerModel, first: int) -> None:
    """The region encoder passes the `first` channels on, and little else."""
    regions, width = model.network.regions, model.network.config.width
    features = regions.features
    features.weight.mul_(0.2)
    features.weight[:, :first] = 0
    features.weight[:first, :first] = torch.eye(first) * width**0.5 / 8
    features.bias.zero_()
    regions.boxes_norm.weight.fill_(0.1)
    for layer in cast("Iterable[Layer]", regions.layers):  # residual branches start closed
        layer.attention.attention.out.weight.zero_()
        layer.feed_forward.narrow.weight.zero_()


def _sample(model: RerankerModel, examples: Examples, seed: int) -> _Sample:
    """Random training pictures of the first fold, as they are."""
    rng = np.random.default_rng((seed, _START))
    fold = examples.train[0].fold
    there = np.unique(np.concatenate([p.pictures for p in examples.train if p.fold == fold]))
    pictures = np.sort(rng.choice(there, min(_SAMPLE, len(there)), replace=False))
    index = CaptionIndex(examples.owner, len(examples.group))
    captions = np.array([int(rng.choice(index.of(int(picture)))) for picture in pictures])
    detailed = rng.choice(pictures, min(_DETAILED, len(pictures)), replace=False)
    cells = np.asarray(examples.cells[0][np.sort(detailed)], np.float32)
    means = [np.asarray(examples.cells[0][picture], np.float32).mean(0) for picture in pictures]
    return _Sample(
        torch.from_numpy(np.stack(means)),
        torch.from_numpy(cells).flatten(0, 1),
        _mean_states(model, [examples.tokens[caption] for caption in captions]),
        torch.from_numpy(examples.images[0][pictures]),
        torch.from_numpy(examples.texts[captions]),
    )


def _mean_states(
    model: RerankerModel, rows: list[np.ndarray[tuple[int], np.dtype[np.int64]]]
) -> Tensor:
    """Mean token states `(s, language_width)` of the whole language encoder."""
    network = model.network
    out = torch.empty(len(rows), network.config.language_width)
    order = np.argsort([len(row) for row in rows], kind="stable")
    for start in range(0, len(order), _BATCH):
        part = order[start : start + _BATCH]
        tokens = padded([rows[number] for number in part], network.config.pad_id)
        mask = network.text_mask(tokens)
        states = network.language(tokens) * mask[:, :, None]
        out[torch.from_numpy(part)] = states.sum(1) / mask.sum(1, keepdim=True)
    return out


def _ridge(x: Tensor, y: Tensor) -> _Linear:
    """The regression of `y` `(s, d)` on `x` `(s, k)` (Hoerl & Kennard 1970)."""
    mean_x, mean_y = x.double().mean(0), y.double().mean(0)
    centred = x.double() - mean_x
    gram = centred.T @ centred
    penalty = _RIDGE * gram.diagonal().mean().clamp(min=1e-12)
    regular = gram + penalty * torch.eye(len(gram), dtype=torch.float64)
    weight = torch.linalg.solve(regular, centred.T @ (y.double() - mean_y)).T
    return _Linear(weight.float(), (mean_y - weight @ mean_x).float())


def _principal(covariance: Tensor) -> Tensor:
    """Eigenvectors in columns, the largest eigenvalue first."""
    vectors: Tensor = torch.linalg.eigh(covariance)[1]
    return vectors.flip(1)
