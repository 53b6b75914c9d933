"""Batches, captions and variations depend on the seed and the place, on nothing else."""

from __future__ import annotations

import numpy as np

from mmsearch.training import order
from mmsearch.training.schedule import rate_factor, share_done


def test_epoch_shows_each_picture_at_most_once() -> None:
    """23 pictures in batches of 5: four full batches, all different, another order each epoch."""
    assert order.steps_per_epoch(23, 5) == 4
    epochs = [
        np.concatenate([order.batch_rows(23, 5, (0, epoch, step)) for step in range(4)])
        for epoch in (1, 2)
    ]
    assert all(len(set(rows)) == 20 for rows in epochs)
    assert not np.array_equal(*epochs)


def test_few_pictures_make_one_batch() -> None:
    """Fewer pictures than a batch are still learned from; two processes share evenly."""
    assert order.steps_per_epoch(5, 128) == 1
    assert len(order.batch_rows(5, 128, (0, 1, 0))) == 5
    assert len(order.batch_rows(5, 128, (0, 1, 0), parts=2)) == 4


def test_captions_are_distinct_where_there_are_enough() -> None:
    """Three of five captions, or the only two in turn; the same again for the same place."""
    rows = np.array([0, 1])
    chosen = order.choose_captions([5, 2], rows, 3, (7, 1))
    assert len(set(chosen[0])) == 3
    assert set(chosen[1]) == {0, 1}
    assert np.array_equal(chosen, order.choose_captions([5, 2], rows, 3, (7, 1)))
    later = [order.choose_captions([5, 2], rows, 3, (7, epoch))[0] for epoch in range(2, 8)]
    assert any(not np.array_equal(chosen[0], other) for other in later)


def test_variation_follows_the_picture() -> None:
    """A picture is varied alike in whatever batch it stands, and anew in each epoch."""
    both = order.variations(np.array([3, 8]), (0, 1))
    assert np.array_equal(both[1], order.variations(np.array([8]), (0, 1))[0])
    assert not np.array_equal(both[1], order.variations(np.array([8]), (0, 2))[0])


def test_dropout_seeds_differ_by_step_and_process() -> None:
    """No two processes and no two steps drop the same units."""
    seeds = {order.dropout_seed((0, e, s), r) for e in range(3) for s in range(9) for r in range(3)}
    assert len(seeds) == 81


def test_schedule() -> None:
    """Warm-up to the peak, half a cosine to zero; the scarcer of steps and time counts."""
    assert rate_factor(0.05, 0.1) == 0.5
    assert rate_factor(0.1, 0.1) == 1.0
    assert abs(rate_factor(0.55, 0.1) - 0.5) < 1e-12
    assert rate_factor(1.0, 0.0) == 0.0
    assert share_done(3, 10, 99.0, None) == 0.3
    assert share_done(3, 10, 30.0, 60.0) == 0.5
