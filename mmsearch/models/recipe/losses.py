"""The terms of the training loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from .config import JointConfig
from .sampling import Batch, Captions, same_meaning


@dataclass(frozen=True, slots=True)
class Targets:
    """What each row of the logits should say, rows summing to 1."""

    to_text: Tensor  # (b, m)
    to_image: Tensor  # (m, b)


def own_targets(batch: Batch, captions: Captions) -> Targets:
    """A row's target spread evenly over its positives."""
    positive = same_meaning(captions, batch.pictures, batch.captions)
    return Targets(_even(positive), _even(positive.T))


def softened(targets: Targets, batch: Batch, frozen: Tensor, config: JointConfig) -> Targets:
    """Targets of which a share goes by how alike the captions read to the frozen text tower.

    A caption that nearly fits another picture is then no full negative of it.

    Args:
        targets: The hard ones.
        batch: Which pictures and captions these are.
        frozen: (m, 384) the frozen text tower's output for the batch's captions.
        config: Share and temperature.
    """
    texts = functional.normalize(frozen, dim=-1)
    owns = functional.one_hot(torch.from_numpy(batch.row), len(batch.pictures)).float()
    alike = texts @ (texts.T @ owns) / owns.sum(0)  # (m, b), mean over a picture's captions
    alike = alike / config.likeness_temperature
    share = config.likeness
    return Targets(
        targets.to_text.lerp(alike.T.softmax(1), share),
        targets.to_image.lerp(alike.softmax(1), share),
    )


def contrastive(
    images: Tensor, texts: Tensor, batch: Batch, targets: Targets, scale: Tensor
) -> Tensor:
    """Symmetric InfoNCE (Oord et al. 2018; CLIP, Radford et al. 2021) with several positives.

    Each picture weighs the same in the text-to-image half, however many captions of it the
    batch holds.

    Args:
        images: (b, d) embeddings, L2-normalised.
        texts: (m, d) embeddings, L2-normalised.
        batch: Which pictures and captions these are.
        targets: What the logits should say.
        scale: Scale of the logits.
    """
    logits = scale * images @ texts.T
    to_text = functional.cross_entropy(logits, targets.to_text)
    rows = functional.cross_entropy(logits.T, targets.to_image, reduction="none")
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


def steadiness(one: Tensor, other: Tensor) -> Tensor:
    """Mean cosine distance of (b, d) embeddings of two views that show the same."""
    return (1 - functional.cosine_similarity(one, other)).mean()


def anchoring(tuned: Tensor, frozen: Tensor) -> Tensor:
    """Mean cosine distance of the tuned text tower's (n, 384) output from the frozen one's."""
    return (1 - functional.cosine_similarity(tuned, frozen)).mean()


def _even(positive: NDArray[np.bool_]) -> Tensor:
    target = torch.from_numpy(positive).float()
    return target / target.sum(1, keepdim=True)
