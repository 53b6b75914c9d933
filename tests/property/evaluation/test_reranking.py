"""Reranked metrics against the definition: each query's list reordered and looked through."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch.evaluation.metrics import summarise_ranks
from mmsearch.evaluation.reranking import DEPTHS, Encoded, rerank_split
from mmsearch.rerank_types import Fusion, QueryBank

WEIGHTS = Fusion(2.0, 0.5, image_hubness=0.5, caption_hubness=0.25, temperature=0.1)
AXES = np.eye(4, dtype=np.float32)
BANK = QueryBank(texts=AXES[[0, 0, 1]], images=AXES[[3]])


class Table:
    """A cross encoder whose logits are looked up by the text's and the picture's own number."""

    def __init__(self, logits):
        self.logits = logits
        self.fusion = WEIGHTS
        self.bank = BANK
        self.calls = []

    def score(self, texts, regions, pairs):
        self.calls.append(len(pairs))
        rows = np.array([int(text) for text in texts])[pairs[:, 0]]
        return self.logits[rows, regions[pairs[:, 1], 0, 0]]


def split_of(n_images, n_texts, seed):
    """Random embeddings with many equal scores; every number is a multiple of 1/8."""
    rng = np.random.default_rng(seed)
    return Encoded(
        images=AXES[rng.integers(0, 4, n_images)],
        texts=AXES[rng.integers(0, 4, n_texts)],
        regions=np.arange(n_images, dtype=np.int8).reshape(-1, 1, 1),
        words=[str(number) for number in range(n_texts)],
        image_of_text=rng.integers(0, n_images, n_texts),
    ), rng.integers(-3, 4, (n_texts, n_images)).astype(np.float32)


def naive_hub(item, bank):
    """How near an item lies to the bank's questions on the whole."""
    terms = [math.exp(float(item @ question) / WEIGHTS.temperature) for question in bank]
    return WEIGHTS.temperature * math.log(sum(terms) / len(terms))


def naive_rank(cosines, logits, fusion, right, depth):
    """Sort by (-cosine, id); the first `depth` by (-fused, dual rank); find the first right one."""
    dual = sorted(range(len(cosines)), key=lambda item: (-cosines[item], item))
    weight, share, hubs = fusion
    fused = {
        item: round(float(logits[item] + weight * (cosines[item] - share * hubs[item])), 4)
        for item in dual[:depth]
    }
    first = sorted(dual[:depth], key=lambda item: (-fused[item], dual.index(item)))
    order = first + dual[depth:]
    return min(order.index(item) for item in right) + 1


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 25), st.integers(1, 40), st.integers(1, 60), st.integers(0, 10**6))
def test_every_depth_is_the_definitions(n_images, n_texts, depth, seed):
    split, logits = split_of(n_images, n_texts, seed)
    report = rerank_split(split, Table(logits), depth)
    assert [one.k for one in report.depths] == [*(k for k in DEPTHS if k < depth), depth]
    scores = split.texts @ split.images.T
    asking = np.unique(split.image_of_text)
    of_images = (2.0, 0.5, [naive_hub(row, BANK.texts) for row in split.images])
    of_texts = (0.5, 0.25, [naive_hub(row, BANK.images) for row in split.texts])
    for one in report.depths:
        to_image = [
            naive_rank(scores[t], logits[t], of_images, [split.image_of_text[t]], one.k)
            for t in range(n_texts)
        ]
        to_text = [
            naive_rank(
                scores[:, i],
                logits[:, i],
                of_texts,
                np.flatnonzero(split.image_of_text == i),
                one.k,
            )
            for i in asking
        ]
        assert one.metrics.text_to_image == summarise_ranks(np.array(to_image), n_images)
        assert one.metrics.image_to_text == summarise_ranks(np.array(to_text), n_texts)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 25), st.integers(1, 40), st.integers(1, 30), st.integers(0, 10**6))
def test_no_recall_within_the_depth_passes_the_ceiling(n_images, n_texts, depth, seed):
    split, logits = split_of(n_images, n_texts, seed)
    deepest = rerank_split(split, Table(logits), depth).deepest
    for way, ceiling in (
        (deepest.metrics.text_to_image, deepest.ceiling.text_to_image),
        (deepest.metrics.image_to_text, deepest.ceiling.image_to_text),
    ):
        assert way.r_at(min(depth, 1)) <= ceiling
        assert way.r_at(depth) == ceiling


def test_many_queries_go_in_one_call():
    """200 at a time, fewer where they have very many hits."""
    split, logits = split_of(20, 450, 1)
    encoder = Table(logits)
    rerank_split(split, encoder, 10)
    assert encoder.calls == [2000, 2000, 500, 200]
