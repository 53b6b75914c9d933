"""Batches hold hard negatives, and never a positive among the negatives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmsearch.training.reranker import Drawing
from mmsearch.training.reranker.examples import CaptionIndex, Pool
from mmsearch.training.reranker.sampling import Draw, Sampler
from tests.unit.training.reranker.toy import N_TRAIN, toy_examples

EXAMPLES = toy_examples()
DRAWING = Drawing(seeds=4, neighbours=3, captions=2)


def _draws(count: int = 30, drawing: Drawing = DRAWING) -> list[Draw]:
    sampler = Sampler(EXAMPLES, EXAMPLES.train, drawing)
    return [sampler.draw((0, step, 0), 2) for step in range(count)]


def test_positives_are_never_negatives() -> None:
    """No text is a negative of its own picture, nor of one with a caption that reads the same."""
    index = CaptionIndex(EXAMPLES.owner, len(EXAMPLES.group))
    hidden = 0
    for draw in _draws():
        for row, caption in enumerate(draw.captions):
            for column, picture in enumerate(draw.pictures):
                texts = EXAMPLES.key[index.of(int(picture))]
                true = EXAMPLES.owner[caption] == picture or EXAMPLES.key[caption] in texts
                assert draw.negative[row, column] == (not true)
                hidden += true and EXAMPLES.owner[caption] != picture
    assert hidden > 0, "the toy has captions that read the same"


def test_identical_pictures_are_no_negatives() -> None:
    group = EXAMPLES.group.copy()
    group[1] = 0
    unique = np.arange(len(EXAMPLES.key))
    sampler = Sampler(replace(EXAMPLES, group=group, key=unique), EXAMPLES.train, DRAWING)
    related = sampler.related(np.array([0, 2, 4]), np.array([0, 1, 2]))
    assert related.tolist() == [[True, True, False], [True, True, False], [False, False, True]]


def test_rows_name_each_captions_own_picture() -> None:
    for draw in _draws():
        assert (draw.pictures[draw.rows] == EXAMPLES.owner[draw.captions]).all()
        assert len(np.unique(draw.pictures)) == len(draw.pictures)
        assert len(np.unique(draw.captions)) == len(draw.captions)
        assert set(draw.rows) == set(range(len(draw.pictures)))


def test_draws_are_functions_of_seed_and_step() -> None:
    """Two samplers agree without history; another step, part or seed is another batch."""
    one = Sampler(EXAMPLES, EXAMPLES.train, DRAWING)
    one.draw((0, 0, 0), 2)
    first, again = one.draw((0, 5, 1), 2), Sampler(EXAMPLES, EXAMPLES.train, DRAWING)
    second = again.draw((0, 5, 1), 2)
    assert (first.captions == second.captions).all()
    assert (first.negative == second.negative).all()
    assert first.view == second.view
    for at in ((0, 6, 1), (0, 5, 0), (1, 5, 1)):
        assert not np.array_equal(again.draw(at, 2).captions, first.captions)


def test_only_training_pictures_are_drawn() -> None:
    assert all((draw.pictures < N_TRAIN).all() for draw in _draws())


def test_neighbours_look_alike() -> None:
    """With a cold softmax, a batch's pictures are nearer to each other than random ones."""

    def nearness(drawing: Drawing) -> float:
        images = EXAMPLES.images[0]
        draws = _draws(40, drawing)
        return float(np.mean([(images[d.pictures] @ images[d.pictures].T).mean() for d in draws]))

    cold = Drawing(seeds=2, neighbours=4, temperature=0.02)
    assert nearness(cold) > nearness(replace(cold, temperature=100.0)) + 0.1


def test_a_batch_stays_within_a_fold() -> None:
    """Features of different models are not compared; pools of a fold share its batches."""
    pools = (
        Pool(np.arange(0, 10)),
        Pool(np.arange(10, 20), share=3.0),
        Pool(np.arange(20, N_TRAIN), fold=1),
    )
    sampler = Sampler(EXAMPLES, pools, DRAWING)
    draws = [sampler.draw((0, step, 0), 1).pictures for step in range(60)]
    first = [pictures for pictures in draws if pictures.min() < 20]
    assert 0 < len(first) < 60
    assert all(pictures.max() < 20 for pictures in first)
    assert any(pictures.min() < 10 <= pictures.max() for pictures in first)
    share = np.mean([(pictures >= 10).mean() for pictures in first])
    assert share == pytest.approx(0.75, abs=0.12)


def test_weights_of_a_pool_count() -> None:
    """A picture of weight 0 is drawn as a neighbour only."""
    weights = np.zeros(N_TRAIN)
    weights[:2] = 1
    drawing = Drawing(seeds=4, neighbours=0)
    sampler = Sampler(EXAMPLES, (Pool(np.arange(N_TRAIN), weights=weights),), drawing)
    drawn = np.concatenate([sampler.draw((0, step, 0), 1).pictures for step in range(20)])
    assert set(drawn) == {0, 1}


def test_captions_of_each_picture() -> None:
    index = CaptionIndex(np.array([2, 0, 2, 0]), 4)
    assert index.of(0).tolist() == [1, 3]
    assert index.of(1).tolist() == []
    assert index.of_all(np.array([2, 0])).tolist() == [0, 2, 1, 3]
