"""InfoNCE: equals its definition, and treats nothing true as a negative."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from mmsearch.training.loss import clamp_logit_scale, info_nce, pair_up


def _embeddings(n: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return functional.normalize(torch.randn(n, 8, generator=generator), dim=-1)


def test_distinct_pairs_give_clips_loss() -> None:
    """One distinct caption a picture: the mean of two cross entropies."""
    images, texts = _embeddings(6, 0), _embeddings(6, 1)
    own = torch.arange(6)
    logits = 7.0 * images @ texts.T
    expected = (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2
    loss = info_nce(images, texts, pair_up(own, own, own), torch.tensor(7.0))
    torch.testing.assert_close(loss, expected)


def test_equals_the_definition() -> None:
    """Several captions a picture, twin pictures and equal texts, against plain loops."""
    groups = torch.tensor([0, 1, 0, 3])  # pictures 0 and 2 are the same file twice
    owner = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
    text_ids = torch.tensor([10, 11, 12, 13, 14, 15, 12, 16])  # pictures 1 and 3 share a text
    images, texts = _embeddings(4, 2), _embeddings(8, 3)

    def related(image: int, text: int) -> bool:
        same_picture = groups[image] == groups[owner[text]]
        own_texts = {int(text_ids[t]) for t in range(8) if owner[t] == image}
        return bool(same_picture) or int(text_ids[text]) in own_texts

    total = 0.0
    for text in range(8):
        own = int(owner[text])
        weight = {
            (i, t): math.exp(5 * float(images[i] @ texts[t])) for i in range(4) for t in range(8)
        }
        row = sum(weight[own, t] for t in range(8) if not related(own, t))
        column = sum(weight[i, text] for i in range(4) if not related(i, text))
        positive = weight[own, text]
        total -= math.log(positive / (positive + row)) + math.log(positive / (positive + column))
    loss = info_nce(images, texts, pair_up(groups, owner, text_ids), torch.tensor(5.0))
    assert float(loss) == pytest.approx(total / 16, abs=1e-5)


def test_no_negative_at_all_gives_no_gradient() -> None:
    """A batch of one picture has nothing to tell apart: zero loss, finite gradient."""
    images = _embeddings(1, 0).requires_grad_()
    pairing = pair_up(torch.tensor([0]), torch.tensor([0, 0]), torch.tensor([0, 1]))
    loss = info_nce(images, _embeddings(2, 1), pairing, torch.tensor(10.0))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert images.grad is not None
    assert torch.equal(images.grad, torch.zeros_like(images))


@pytest.mark.parametrize(("before", "after"), [(-1.0, 0.0), (2.0, 2.0), (9.0, math.log(100))])
def test_temperature_is_clamped(before: float, after: float) -> None:
    """The scale stays within [1, 100]."""
    logit_scale = torch.nn.Parameter(torch.tensor(before))
    clamp_logit_scale(logit_scale)
    assert float(logit_scale.detach()) == pytest.approx(after)
