"""Recall at 1, 5 and 10 on the validation pictures, both ways."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .sampling import Captions, Indices

KS = (1, 5, 10)


@dataclass(frozen=True, slots=True)
class Recalls:
    """Percentages at 1, 5 and 10."""

    text_to_image: tuple[float, ...]
    image_to_text: tuple[float, ...]


def recalls(images: Tensor, texts: Tensor, owner: Indices) -> Recalls:
    """Karpathy's protocol; an image hits when any of its captions is near enough.

    Args:
        images: (n, d) embeddings.
        texts: (m, d) embeddings.
        owner: (m,) which image each text describes.
    """
    scores = texts @ images.T
    rows = torch.from_numpy(owner)
    own = scores.gather(1, rows[:, None])
    text_rank = (scores > own).sum(1)
    best = torch.full((len(images),), -torch.inf).scatter_reduce(0, rows, own[:, 0], "amax")
    image_rank = (best[:, None] < scores.T).sum(1)
    return Recalls(_at(text_rank), _at(image_rank))


def label_recalls(
    images: Tensor, texts: Tensor, captions: Captions, pictures: Indices
) -> tuple[float, ...]:
    """Text-to-image recalls where every picture whose caption reads the same is a hit.

    Args:
        images: (n, d) embeddings of `pictures`.
        texts: (q, d) embeddings of the first caption of each picture in `pictures`, or of the
            first q of them.
        captions: All captions.
        pictures: (n,) the gallery.
    """
    keys = captions.keys_of[pictures, 0]
    same = torch.from_numpy(np.equal.outer(keys[: len(texts)], keys))
    scores = texts @ images.T
    best = scores.masked_fill(~same, -torch.inf).amax(1, keepdim=True)
    return _at((scores > best).sum(1))


def _at(rank: Tensor) -> tuple[float, ...]:
    ranks = rank.numpy()
    return tuple(round(100 * float(np.mean(ranks < k)), 2) for k in KS)
