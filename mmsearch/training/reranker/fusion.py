"""How logit, cosine and hubness become one score, chosen on validation data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmsearch.evaluation.first_hits import reranked_ranks
from mmsearch.rerank.fusion import fused
from mmsearch.rerank_types import Fusion

WEIGHTS = (0.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0, 80.0, 150.0, 1000.0)
"""Of the cosine: from the logit alone to all but the cosine alone."""
SHARES = (0.0, 0.3, 0.5, 0.7, 0.9)
"""Of its nearness to typical questions that is held against an item."""
TEMPERATURES = (0.03, 0.05, 0.08)
"""At which that nearness is told; one for both ways."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoredHits:
    """The first hits of q queries, scored by both encoders.

    `dual_ranks` `(q,)` int64, from 1, are of the best right item; `right` `(q, n)` bool, `cosines`
    and `logits` `(q, n)` float32 are in dual order, and so is `hubs` `(q, n)` float32 at each
    temperature.
    """

    dual_ranks: NDArray[np.int64]
    right: NDArray[np.bool_]
    cosines: NDArray[np.float32]
    logits: NDArray[np.float32]
    hubs: Mapping[float, NDArray[np.float32]]

    def ranks(self, weight: float, share: float, temperature: float) -> NDArray[np.int64]:
        """Ranks `(q,)` of the best right item by `logit + weight * (cosine - share * hubness)`."""
        scores = fused(self.logits, self.cosines, self.hubs[temperature], weight, share)
        return reranked_ranks(self.dual_ranks, self.right, scores, self.right.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class ScoredSet:
    """Both ways of one validation set; `weight` is how much it counts."""

    weight: float
    to_image: ScoredHits
    to_text: ScoredHits

    def ranks(self, fusion: Fusion) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ranks of captions' pictures, and of pictures' best captions."""
        heat = fusion.temperature
        return (
            self.to_image.ranks(fusion.images, fusion.image_hubness, heat),
            self.to_text.ranks(fusion.captions, fusion.caption_hubness, heat),
        )


def best_fusion(sets: Sequence[ScoredSet]) -> Fusion:
    """The fusion of the grid that ranks all sets best, by R@1 plus mean reciprocal rank.

    The second tells apart what the first, a count of few queries, does not. Of equals the first
    of the grid, which is the smallest.
    """
    found: list[tuple[float, Fusion]] = []
    for temperature in TEMPERATURES:
        images = _best([(s.weight, s.to_image) for s in sets], temperature)
        captions = _best([(s.weight, s.to_text) for s in sets], temperature)
        fusion = Fusion(images[1], captions[1], images[2], captions[2], temperature)
        found.append((images[0] + captions[0], fusion))
    return max(found, key=lambda entry: entry[0])[1]


def _best(
    ways: Sequence[tuple[float, ScoredHits]], temperature: float
) -> tuple[float, float, float]:
    """Quality, weight and share of the best fusion of one way; `ways` are (weight, hits)."""

    def quality(weight: float, share: float) -> float:
        many = [(counts, hits.ranks(weight, share, temperature)) for counts, hits in ways]
        return sum(
            counts * float((ranks == 1).mean() + (1 / ranks).mean()) for counts, ranks in many
        )

    grid = [(quality(weight, share), weight, share) for weight in WEIGHTS for share in SHARES]
    return max(grid, key=lambda entry: entry[0])
