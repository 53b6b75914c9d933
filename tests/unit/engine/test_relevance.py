"""Judging answers: what beats everyday phrases stands out, whatever the model's scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmsearch.engine.everyday import EVERYDAY
from mmsearch.engine.relevance import everyday_embeddings, stands_out
from mmsearch.types import Embeddings
from tests.fakes import FakeDualEncoder, fake_space
from tests.vector_sources import unit_rows

DIM = 64
PHRASES = unit_rows(100, DIM, 1)
PICTURES = unit_rows(5, DIM, 2)


def near(row: np.ndarray, share: float, seed: int = 3) -> Embeddings:
    """A query `(1, d)` that has `share` of a picture, the rest by chance."""
    mixed = share * row + (1 - share) * unit_rows(1, DIM, seed)
    return np.asarray(mixed / np.linalg.norm(mixed), np.float32)


def test_a_question_that_fits_one_of_the_best_stands_out() -> None:
    assert stands_out(near(PICTURES[3], 0.8), PICTURES, PHRASES, 1000)
    assert not stands_out(near(PICTURES[3], 0.0), PICTURES, PHRASES, 1000)


def test_among_more_candidates_chance_reaches_further() -> None:
    verdicts = [
        stands_out(near(PICTURES[0], share), PICTURES, PHRASES, count)
        for count in (20, 1000, 10**6)
        for share in np.linspace(0, 1, 21)
    ]
    first = [verdicts[start : start + 21].index(True) for start in (0, 21, 42)]
    assert first == sorted(first)
    assert first[0] < first[2]


@pytest.mark.parametrize("scale", [0.1, 1.0])
def test_the_models_own_scale_does_not_matter(scale: float) -> None:
    """A model whose texts all share a direction away from pictures, as CLIP's do, and squeeze
    their scores into a narrow band, is judged alike."""
    away = np.zeros((1, DIM), np.float32)
    away[0, 0] = 5.0

    def shifted(rows: Embeddings) -> Embeddings:
        moved = scale * rows + away
        return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), np.float32)

    phrases = shifted(PHRASES)
    assert stands_out(shifted(near(PICTURES[3], 0.9)), PICTURES, phrases, 1000)
    assert not stands_out(shifted(near(PICTURES[3], 0.0)), PICTURES, phrases, 1000)


def test_phrases_that_all_score_alike_are_no_reason_to_fail() -> None:
    same = np.repeat(PHRASES[:1], 10, axis=0)
    assert stands_out(PICTURES[:1], PICTURES, same, 100) in (True, False)


def test_the_phrases_are_distinct_and_many() -> None:
    assert len(set(EVERYDAY)) == len(EVERYDAY) == 120
    assert all(phrase == phrase.strip() for phrase in EVERYDAY)


def test_the_phrases_are_encoded_once_for_a_model(tmp_path: Path) -> None:
    encoder = FakeDualEncoder()
    first = everyday_embeddings(encoder.space, tmp_path, lambda: encoder)
    np.testing.assert_array_equal(first, FakeDualEncoder().encode_texts(EVERYDAY))

    def fail() -> FakeDualEncoder:
        raise AssertionError("encoded again")

    np.testing.assert_array_equal(everyday_embeddings(encoder.space, tmp_path, fail), first)
    other = FakeDualEncoder(fake_space("other"))
    everyday_embeddings(other.space, tmp_path, lambda: other)
    assert other.n_texts == len(EVERYDAY)


@pytest.mark.parametrize("damage", [b"", b"something else", b"\x93NUMPY\x01\x00"])
def test_a_damaged_file_of_phrases_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    encoder = FakeDualEncoder()
    expected = everyday_embeddings(encoder.space, tmp_path, lambda: encoder)
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage)
    again = everyday_embeddings(encoder.space, tmp_path, lambda: encoder)
    np.testing.assert_array_equal(again, expected)
    np.testing.assert_array_equal(np.load(file), expected)


def test_a_folder_that_cannot_be_written_costs_time_no_more(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    encoder = FakeDualEncoder()
    for _ in range(2):
        rows = everyday_embeddings(encoder.space, tmp_path / "file" / "x", lambda: encoder)
        assert rows.shape == (len(EVERYDAY), encoder.space.dim)
