"""What a cross encoder asks of its runtime."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mmsearch.errors import ModelError
from mmsearch.rerank.batching import PassSize
from mmsearch.rerank.scoring import MatchInputs, RunSizes, States, TowerCrossEncoder
from mmsearch.rerank.source import RerankerSource
from mmsearch.rerank_types import NO_QUESTIONS, Fusion, RegionCodes
from mmsearch.types import Scores
from tests.tiny_reranker import TinyReranker, random_codes, tiny_config, tiny_projection


class LetterTokenizer:
    """A token a letter."""

    def encode(self, texts: object) -> list[list[int]]:
        return [[ord(letter) - 96 for letter in text] for text in texts]  # type: ignore[attr-defined]


@dataclass
class CountingTowers:
    """Sums tokens and codes; a pair's logit is the sum of both. Counts what it is given."""

    texts: int = 0
    pictures: int = 0
    runs: list[int] = field(default_factory=list)

    def read_texts(self, batches: Iterable[NDArray[np.int64]]) -> list[States]:
        out = []
        for tokens in batches:
            self.texts += len(tokens)
            out.append(tokens[:, :, np.newaxis].astype(np.float32))
        return out

    def read_regions(self, batches: Iterable[RegionCodes]) -> list[States]:
        out = []
        for codes in batches:
            self.pictures += len(codes)
            out.append(codes.astype(np.float32).sum(2, keepdims=True))
        return out

    def match(self, batches: Iterable[MatchInputs]) -> list[Scores]:
        out = []
        for text, mask, regions in batches:
            assert len(text) == len(mask) == len(regions)
            assert (text[mask == 0] == 0).all()
            self.runs.append(len(text))
            out.append(1000 * (text[:, :, 0] * mask).sum(1) + regions.sum((1, 2)))
        return out


def cross_encoder(towers: CountingTowers) -> TowerCrossEncoder:
    source = RerankerSource(
        Path("reranker"), "ab", tiny_projection(TinyReranker()), Fusion(1, 1), NO_QUESTIONS, 0.0
    )
    sizes = RunSizes(texts=3, pictures=PassSize(2), pairs=PassSize(4))
    return TowerCrossEncoder(source, tiny_config(), LetterTokenizer(), towers, sizes)


def test_each_pair_gets_its_own_score_in_order() -> None:
    """Texts of many lengths, pictures out of order, pairs twice; nobody is read twice."""
    texts = ["abc", "z", "aaaaaaaaa", "never asked", "bc"]
    codes = random_codes(6)
    pairs = np.array([[2, 5], [0, 1], [1, 1], [4, 0], [0, 5], [2, 1], [1, 5], [0, 1]])
    towers = CountingTowers()
    found = cross_encoder(towers).score(texts, codes, pairs)
    sums = [1000 * sum(ord(letter) - 96 for letter in texts[text]) for text, _ in pairs]
    expected = np.array(sums) + codes[pairs[:, 1]].sum((1, 2), dtype=np.float32)
    np.testing.assert_allclose(found, expected)
    assert found.dtype == np.float32
    assert (towers.texts, towers.pictures) == (4, 3)
    assert sum(towers.runs) == len(pairs)
    assert max(towers.runs) <= 4


def test_no_pairs_cost_nothing() -> None:
    towers = CountingTowers()
    found = cross_encoder(towers).score(["a"], random_codes(1), np.empty((0, 2), np.int64))
    assert found.shape == (0,)
    assert (towers.texts, towers.pictures, towers.runs) == (0, 0, [])


def test_codes_of_another_projection_are_refused() -> None:
    """Another grid, another width or floats would be misread."""
    pairs = np.zeros((1, 2), np.int64)
    scorer = cross_encoder(CountingTowers())
    wrong = random_codes(1)
    for codes in (wrong[:, :4], wrong[:, :, :4], wrong.astype(np.float32), wrong[0]):
        with pytest.raises(ModelError, match="this reranker takes"):
            scorer.score(["a"], codes, pairs)
