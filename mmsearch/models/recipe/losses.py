"""The three terms of the training loss."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from .sampling import Batch, Captions, same_meaning


def contrastive(
    images: Tensor, texts: Tensor, batch: Batch, captions: Captions, scale: Tensor
) -> Tensor:
    """Symmetric InfoNCE (Oord et al. 2018; CLIP, Radford et al. 2021) with several positives.

    A row's target is spread evenly over its positives. Each picture weighs the same in the
    text-to-image half, however many captions of it the batch holds.

    Args:
        images: (b, d) embeddings, L2-normalised.
        texts: (m, d) embeddings, L2-normalised.
        batch: Which pictures and captions these are.
        captions: All captions.
        scale: Scale of the logits.
    """
    positive = same_meaning(captions, batch.pictures, batch.captions)
    logits = scale * images @ texts.T
    to_text = functional.cross_entropy(logits, _even(positive))
    rows = functional.cross_entropy(logits.T, _even(positive.T), reduction="none")
    weight = torch.from_numpy(1 / np.bincount(batch.row)[batch.row]).float()
    return (to_text + (rows * weight).sum() / weight.sum()) / 2


def class_distillation(images: Tensor, names: Tensor, classes: Tensor, scale: Tensor) -> Tensor:
    """Cross entropy from the image tower's own class probabilities to the named classes.

    Args:
        images: (b, d) embeddings.
        names: (c, d) embeddings of one text for each of c classes.
        classes: (b, c) probabilities of these classes; a row need not sum to 1, and weighs as
            much as it does sum to.
        scale: Scale of the logits.
    """
    mass = classes.sum(1)
    target = classes / mass[:, None].clamp_min(1e-6)
    rows = functional.cross_entropy(scale * images @ names.T, target, reduction="none")
    return (rows * mass.clamp(max=1)).mean()


def anchoring(tuned: Tensor, frozen: Tensor) -> Tensor:
    """Mean cosine distance of the tuned text tower's (n, 384) output from the frozen one's."""
    return (1 - functional.cosine_similarity(tuned, frozen)).mean()


def _even(positive: NDArray[np.bool_]) -> Tensor:
    target = torch.from_numpy(positive).float()
    return target / target.sum(1, keepdim=True)
