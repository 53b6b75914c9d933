"""Objectives against their formulas, written out naively."""

from __future__ import annotations

import math

import pytest
import torch

from mmsearch.training.reranker import objectives
from tests.unit.training.reranker.toy import normal

ROWS = torch.tensor([0, 0, 1, 2])
NEGATIVE = torch.tensor(
    [[False, True, True], [False, True, False], [True, False, True], [True, True, False]]
)
"""Text 1 is true of picture 2 as well."""


def test_alignment_is_the_mean_of_each_words_best_region() -> None:
    words, regions = normal(2, 3, 5), normal(4, 6, 5, seed=1)
    mask = torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    scores = objectives.alignment_scores(words, mask, regions)
    for text in range(2):
        for picture in range(4):
            best = [
                max(float(words[text, place] @ region) for region in regions[picture])
                for place in range(3)
                if mask[text, place]
            ]
            assert float(scores[text, picture]) == pytest.approx(sum(best) / len(best), abs=1e-5)


def test_contrast_is_cross_entropy_over_true_negatives() -> None:
    logits = normal(4, 3)
    terms = []
    for text, own in enumerate(ROWS.tolist()):
        positive = math.exp(logits[text, own])
        pictures = sum(math.exp(logits[text, b]) for b in range(3) if NEGATIVE[text, b])
        texts = sum(math.exp(logits[t, own]) for t in range(4) if NEGATIVE[t, own])
        terms += [-math.log(positive / (positive + pictures)) / 2]
        terms += [-math.log(positive / (positive + texts)) / 2]
    found = objectives.contrast(logits, ROWS, NEGATIVE)
    assert float(found) == pytest.approx(sum(terms) / 4, abs=1e-5)


def test_contrast_without_negatives_is_zero() -> None:
    logits = normal(2, 1).requires_grad_()
    loss = objectives.contrast(logits, torch.tensor([0, 0]), torch.zeros(2, 1, dtype=torch.bool))
    assert float(loss.detach()) == 0
    (gradient,) = torch.autograd.grad(loss, logits)
    assert torch.isfinite(gradient).all()


def test_hard_pairs_are_true_negatives() -> None:
    """Each text comes with its own picture, other pictures, and other texts of its picture."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        pairs = objectives.hard_pairs(20 * normal(4, 3), ROWS, NEGATIVE, 1, generator)
        assert (pairs.count, pairs.positives) == (1, 4)
        assert pairs.texts[:4].tolist() == [0, 1, 2, 3]
        assert pairs.pictures[:4].tolist() == ROWS.tolist()
        assert pairs.texts[4:8].tolist() == [0, 1, 2, 3]
        assert pairs.pictures[8:].tolist() == ROWS.tolist()
        assert NEGATIVE[pairs.texts[4:], pairs.pictures[4:]].all()


def test_hard_pairs_follow_the_softmax() -> None:
    """What the dual encoder takes for right is drawn most often."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.tensor([[0.0, 3.0, 0.0, 0.0]]).expand(4, 4)
    negative = ~torch.eye(4, dtype=torch.bool)
    drawn = [
        objectives.hard_pairs(logits, torch.arange(4), negative, 1, generator).pictures[4]
        for _ in range(200)
    ]
    share = sum(int(picture) == 1 for picture in drawn) / len(drawn)
    assert share == pytest.approx(math.exp(3) / (math.exp(3) + 2), abs=0.07)


def test_fewer_negatives_where_there_are_not_as_many() -> None:
    generator = torch.Generator().manual_seed(0)
    assert objectives.hard_pairs(normal(4, 3), ROWS, NEGATIVE, 9, generator).count == 1
    none = objectives.hard_pairs(normal(4, 3), ROWS, NEGATIVE & False, 2, generator)
    assert (none.count, len(none.texts), none.positives) == (0, 4, 4)
    list_wise, binary = objectives.match_losses(torch.zeros(4), none)
    assert float(list_wise) == 0
    assert float(binary) == pytest.approx(math.log(2))


def test_match_losses_are_cross_entropies() -> None:
    logits = normal(20)
    pairs = objectives.MatchPairs(torch.zeros(20), torch.zeros(20), 2)
    assert pairs.positives == 4
    list_wise, binary = objectives.match_losses(logits, pairs)
    expected = 0.0
    for text in range(4):
        positive = math.exp(logits[text])
        for side in (4, 12):
            others = [math.exp(logits[side + 2 * text + number]) for number in range(2)]
            expected -= math.log(positive / (positive + sum(others))) / 8
    assert float(list_wise) == pytest.approx(expected, abs=1e-5)
    right = -torch.log(torch.sigmoid(logits[:4])).mean()
    wrong = -torch.log(1 - torch.sigmoid(logits[4:])).mean()
    assert float(binary) == pytest.approx(float(right + wrong) / 2, abs=1e-5)


def test_twin_loss_is_logistic() -> None:
    right, wrong = normal(5), normal(5, seed=1)
    expected = -torch.log(torch.sigmoid(right - wrong)).mean()
    assert float(objectives.twin_loss(right, wrong)) == pytest.approx(float(expected), abs=1e-5)


def test_word_loss_is_cross_entropy() -> None:
    logits, tokens = normal(3, 7), torch.tensor([2, 0, 6])
    chances = torch.softmax(logits, 1)
    expected = -sum(math.log(chances[row, token]) for row, token in enumerate(tokens)) / 3
    assert float(objectives.word_loss(logits, tokens)) == pytest.approx(expected, abs=1e-5)
    assert float(objectives.word_loss(logits[:0], tokens[:0])) == 0


def test_region_loss_is_of_normed_codes() -> None:
    """The size and the mean of a code do not matter, and no gradient reaches the codes."""
    told, codes = normal(5, 8), normal(5, 8, seed=1).requires_grad_()
    normed = (codes - codes.mean(1, keepdim=True)) / codes.std(1, correction=0, keepdim=True)
    loss = objectives.region_loss(told.requires_grad_(), codes)
    assert loss.item() == pytest.approx(((told - normed) ** 2).mean().item(), abs=1e-4)
    assert not torch.autograd.grad(loss, codes, allow_unused=True)[0]
    assert objectives.region_loss(told[:0], codes[:0]).item() == 0
