"""Symmetric InfoNCE in which other captions of the same picture are not negatives."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

MAX_LOGIT_SCALE = math.log(100.0)

_NEVER = -1e4
"""Instead of -inf, whose log-sum-exp has no gradient when a row has no negative at all."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """Which captions of a batch belong to which pictures.

    `owner` `(t,)` int64 is the row of each caption's picture. `related` `(b, t)` bool marks
    captions that are true of a picture: its own, those of an identical picture, and equal texts.
    """

    owner: Tensor
    related: Tensor


def pair_up(groups: Tensor, owner: Tensor, texts: Tensor) -> Pairing:
    """The pairing of pictures in identity `groups` `(b,)` with captions of `texts` ids `(t,)`.

    `owner` `(t,)` int64. Equal numbers stand for identical pictures, and for equal texts.
    """
    own = torch.arange(len(groups), device=owner.device)[:, None] == owner[None, :]
    same_text = texts[:, None] == texts[None, :]
    has_text = (own.float() @ same_text.float()) > 0
    return Pairing(owner, (groups[:, None] == groups[owner][None, :]) | has_text)


def info_nce(images: Tensor, texts: Tensor, pairing: Pairing, scale: Tensor) -> Tensor:
    """Mean of both directions' InfoNCE (van den Oord et al. 2018; Radford et al. 2021, fig. 3).

    Each (picture, caption) pair is told from the captions, and from the pictures, that are not
    related to it. With one distinct caption a picture this is CLIP's loss.

    Args:
        images: `(b, d)` L2-normalised.
        texts: `(t, d)` L2-normalised.
        pairing: Who belongs to whom.
        scale: Scalar that multiplies the cosines.
    """
    logits = scale * images @ texts.T
    column = torch.arange(len(texts), device=texts.device)
    positive = logits[pairing.owner, column]
    negatives = logits.masked_fill(pairing.related, _NEVER)
    against_texts = negatives.logsumexp(1)[pairing.owner]
    against_images = negatives.logsumexp(0)
    image_to_text = functional.softplus(against_texts - positive).mean()
    text_to_image = functional.softplus(against_images - positive).mean()
    return (image_to_text + text_to_image) / 2


def clamp_logit_scale(logit_scale: Tensor) -> None:
    """Keep the learned temperature's inverse within [1, 100], in place, after a step."""
    with torch.no_grad():
        logit_scale.clamp_(0.0, MAX_LOGIT_SCALE)
