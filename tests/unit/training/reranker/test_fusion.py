"""The fusion is the one that ranks validation queries best."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mmsearch.rerank_types import Fusion
from mmsearch.training.reranker.fusion import TEMPERATURES, ScoredHits, ScoredSet, best_fusion

Rows = NDArray[np.float64]


def _in_dual_order(logits: Rows, cosines: Rows, hubs: Rows) -> ScoredHits:
    """Hits of queries whose right item is the first column, put in dual order."""
    order = np.argsort(-cosines, axis=1, kind="stable")
    truth = order == 0

    def ordered(rows: Rows) -> NDArray[np.float32]:
        return np.take_along_axis(rows, order, axis=1).astype(np.float32)

    at_each = {heat: ordered(hubs) for heat in TEMPERATURES}
    return ScoredHits(1 + truth.argmax(1), truth, ordered(cosines), ordered(logits), at_each)


def _hits(seed: int = 0, told: float = 1.0, hub: float = 0.0) -> ScoredHits:
    """500 queries of 8 items; logits tell the right one by `told`, cosines are off by hubness."""
    rng = np.random.default_rng(seed)
    truth = np.arange(8) == 0
    hubs = rng.normal(0, 1, (500, 8))
    cosines = truth * 0.05 + rng.normal(0, 0.05, (500, 8)) + hub * hubs
    return _in_dual_order(truth * told + rng.normal(0, 1, (500, 8)), cosines, hubs)


def _best(hits: ScoredHits) -> Fusion:
    fusion = best_fusion([ScoredSet(1.0, hits, _hits())])
    assert fusion.captions == best_fusion([ScoredSet(1.0, _hits(), _hits())]).captions
    return fusion


def test_logits_alone_where_cosines_mislead() -> None:
    truth = np.arange(8) == 0
    hits = _in_dual_order(
        1.0 * np.tile(truth, (9, 1)), np.tile(-0.1 * truth, (9, 1)), np.zeros((9, 8))
    )
    assert _best(hits).images == 0


def test_cosines_alone_where_logits_mislead() -> None:
    """The dual order can always be kept."""
    hits = _hits(told=-4.0)
    fusion = _best(hits)
    kept = (hits.ranks(fusion.images, 0.0, 0.05) == 1).mean()
    assert fusion.images >= 80
    assert kept == pytest.approx((hits.dual_ranks == 1).mean(), abs=0.03)


def test_both_together_beat_either() -> None:
    hits = _hits()
    fusion = _best(hits)
    assert 10 <= fusion.images <= 40
    found = (hits.ranks(fusion.images, fusion.image_hubness, fusion.temperature) == 1).mean()
    assert found > max((hits.ranks(0, 0, 0.05) == 1).mean(), (hits.dual_ranks == 1).mean())


def test_hubs_are_held_back_where_they_mislead() -> None:
    assert _best(_hits(hub=0.0)).image_hubness == 0
    assert _best(_hits(hub=0.6)).image_hubness >= 0.5


def test_sets_count_by_their_weight() -> None:
    """A set of weight 0 has no say."""
    one, other = _hits(), _hits(told=-4.0)
    alone = best_fusion([ScoredSet(1.0, one, one)])
    assert best_fusion([ScoredSet(1.0, one, one), ScoredSet(0.0, other, other)]) == alone
    assert best_fusion([ScoredSet(0.1, one, one), ScoredSet(1.0, other, other)]) != alone


def test_what_is_not_among_the_first_hits_keeps_its_rank() -> None:
    scores = np.array([[1.0, 2.0]], np.float32)
    hubs = dict.fromkeys(TEMPERATURES, scores)
    hits = ScoredHits(np.array([99]), np.zeros((1, 2), np.bool_), scores, scores, hubs)
    assert hits.ranks(5.0, 0.3, 0.05).tolist() == [99]
