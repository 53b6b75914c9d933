"""The objectives of a cross encoder, as functions of scores, logits and states."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

_NEVER = -1e4
"""Instead of -inf, whose log-sum-exp has no gradient when there is no negative at all."""
_FLOOR = 1e-6
"""Added to the chance of every negative, so that there are enough to draw."""


def alignment_scores(words: Tensor, mask: Tensor, regions: Tensor) -> Tensor:
    """Late-interaction scores `(t, b)` of texts and pictures (Yao et al. 2022, section 3.1).

    The mean over words of the best cosine with any region, as in `RerankNetwork.match`.

    Args:
        words: `(t, l, a)` L2-normalised.
        mask: `(t, l)`, 1 = a word.
        regions: `(b, r, a)` L2-normalised.
    """
    t, length, _ = words.shape
    b, r, _ = regions.shape
    cosines = words.flatten(0, 1) @ regions.flatten(0, 1).T
    best = cosines.view(t, length, b, r).amax(3).float()
    weighted: Tensor = (best * mask[:, :, None]).sum(1)
    return weighted / mask.sum(1)[:, None]


def contrast(logits: Tensor, rows: Tensor, negative: Tensor) -> Tensor:
    """Mean of both directions' InfoNCE, each pair against the true negatives of either side.

    Args:
        logits: `(t, b)` scores times the inverse temperature.
        rows: `(t,)` int64, the column of each text's own picture.
        negative: `(t, b)` bool, pairs that don't belong together.
    """
    own = logits.gather(1, rows[:, None])[:, 0]
    others = logits.masked_fill(~negative, _NEVER)
    against_pictures = functional.softplus(others.logsumexp(1) - own).mean()
    against_texts = functional.softplus(others.logsumexp(0)[rows] - own).mean()
    return (against_pictures + against_texts) / 2


@dataclass(frozen=True, slots=True)
class MatchPairs:
    """Pairs to match: each text with its own picture, then hard negatives.

    `texts` and `pictures` `(p,)` int64 are rows; the first t pairs are the positives, then come
    `count` other pictures of each text, then `count` other texts of each text's picture.
    """

    texts: Tensor
    pictures: Tensor
    count: int

    @property
    def positives(self) -> int:
        """How many pairs t belong together."""
        return len(self.texts) // (1 + 2 * self.count)


def hard_pairs(
    logits: Tensor, rows: Tensor, negative: Tensor, count: int, generator: torch.Generator
) -> MatchPairs:
    """Each text's own pair, with negatives drawn from a softmax (ALBEF, section 3.2).

    Args:
        logits: `(t, b)` the dual encoder's cosines over its temperature.
        rows: `(t,)` int64, the column of each text's own picture.
        negative: `(t, b)` bool, pairs that don't belong together; others are never drawn.
        count: Negatives of each text, and of its picture; fewer where there are not as many.
        generator: Draws them.
    """
    t = len(rows)
    texts = torch.arange(t)
    most = min(int(negative.sum(1).min()), int(negative.sum(0)[rows].min()))
    count = min(count, most)
    if count == 0:
        return MatchPairs(texts, rows, 0)
    hidden = logits.masked_fill(~negative, _NEVER)
    floor = _FLOOR * negative
    pictures = torch.multinomial(hidden.softmax(1) + floor, count, generator=generator)
    by_picture = (hidden.softmax(0) * negative + floor).T[rows]
    others = torch.multinomial(by_picture, count, generator=generator)
    repeated = texts.repeat_interleave(count)
    return MatchPairs(
        torch.cat([texts, repeated, others.flatten()]),
        torch.cat([rows, pictures.flatten(), rows.repeat_interleave(count)]),
        count,
    )


def match_losses(logits: Tensor, pairs: MatchPairs) -> tuple[Tensor, Tensor]:
    """The list-wise and the binary loss of match logits `(p,)` of `pairs`.

    List-wise: cross entropy of the positive among its negatives, mean of both ways. Binary: cross
    entropy of "they match", positives and negatives weighing the same.
    """
    t = pairs.positives
    positive, negatives = logits[:t], logits[t:].view(2, t, pairs.count)
    listed = torch.stack([torch.cat([positive[:, None], side], 1) for side in negatives])
    list_wise = (listed.logsumexp(2) - positive).mean()
    binary = functional.softplus(-positive).mean()
    if pairs.count:
        binary = (binary + functional.softplus(negatives).mean()) / 2
    return list_wise, binary


def twin_loss(logits: Tensor, wrong: Tensor) -> Tensor:
    """Logistic loss of captions `(p,)` scoring higher than their twins `(p,)`."""
    return functional.softplus(wrong - logits).mean()


def word_loss(logits: Tensor, tokens: Tensor) -> Tensor:
    """Cross entropy of hidden words: logits `(p, vocabulary)` of tokens `(p,)` int64.

    Devlin et al. 2019, section 3.1; 0 where nothing is hidden.
    """
    return functional.cross_entropy(logits, tokens) if len(tokens) else logits.sum()


def region_loss(told: Tensor, codes: Tensor) -> Tensor:
    """Squared error of hidden regions `(p, c)` as layer-normed codes `(p, c)`.

    Tan & Bansal 2019, section 3.1.2, "RoI-feature regression"; 0 where nothing is hidden.
    """
    wanted = functional.layer_norm(codes.detach(), codes.shape[-1:])
    return functional.mse_loss(told.float(), wanted) if len(codes) else told.sum()
