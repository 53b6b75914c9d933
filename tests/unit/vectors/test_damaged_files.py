"""A vector file damaged anywhere: the results are those of the source, to the last bit."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mmsearch.types import Neighbours
from mmsearch.vectors import FaissIndex
from tests.vector_sources import ListSource, unit_rows

QUERIES = unit_rows(3, 32, 7)
K = 20

Searched = Callable[[bytes], Neighbours]


def make(path: Path, count: int) -> tuple[bytes, Neighbours, Searched]:
    """The bytes of a sound file, what it finds, and what a file of other bytes does."""
    source = ListSource(32)
    source.put(list(range(1, count + 1)), unit_rows(count, 32))
    index = FaissIndex.open(path, 32)
    index.catch_up(source)
    index.save()
    truth = index.search(QUERIES, K)

    def searched(data: bytes) -> Neighbours:
        path.write_bytes(data)
        opened = FaissIndex.open(path, 32)
        opened.catch_up(source)
        return opened.search(QUERIES, K)

    return path.read_bytes(), truth, searched


def assert_same(found: Neighbours, truth: Neighbours, where: str) -> None:
    assert np.array_equal(found.ids, truth.ids), where
    assert np.array_equal(found.scores, truth.scores), where


def test_a_flip_of_any_byte(tmp_path):
    data, truth, searched = make(tmp_path / "x.faiss", 25)
    rng = random.Random(1)
    for at in range(len(data)):
        flipped = bytearray(data)
        flipped[at] ^= 1 << rng.randrange(8)
        assert_same(searched(bytes(flipped)), truth, f"byte {at} of {len(data)}")


@pytest.mark.parametrize("kind", ["flipped", "overwritten", "cut", "longer"])
def test_damage_at_200_places_of_a_larger_file(tmp_path, kind):
    data, truth, searched = make(tmp_path / "x.faiss", 6000)
    rng = random.Random(2)
    for _ in range(200):
        at = rng.randrange(len(data))
        damaged = bytearray(data)
        if kind == "flipped":
            damaged[at] ^= 1 << rng.randrange(8)
        elif kind == "overwritten":
            end = min(len(data), at + 4096)
            damaged[at:end] = rng.randbytes(end - at)
        elif kind == "cut":
            del damaged[at:]
        else:
            damaged[at:at] = rng.randbytes(rng.choice([1, 4096]))
        assert_same(searched(bytes(damaged)), truth, f"{kind} at {at}")


def test_a_damaged_file_is_replaced_though_it_claims_to_be_as_new(tmp_path):
    path = tmp_path / "x.faiss"
    data, _, _ = make(path, 500)
    flipped = bytearray(data)
    flipped[10_000] ^= 4
    path.write_bytes(flipped)
    source = ListSource(32)
    source.put(list(range(1, 501)), unit_rows(500, 32))
    index = FaissIndex.open(path, 32)
    index.catch_up(source)
    assert index.save()
    assert path.read_bytes() == data
