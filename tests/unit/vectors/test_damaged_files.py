"""A vector file damaged anywhere: the results are those of the source, to the last bit."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from blake3 import blake3

from mmsearch.errors import VectorIndexError
from mmsearch.types import Neighbours
from mmsearch.vectors import FaissIndex
from mmsearch.vectors.manifest import MAGIC, covered_generation, read_manifest
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


def test_faiss_never_sees_a_damaged_byte(tmp_path, monkeypatch):
    """It would allocate what a flipped length asks for: the file is seen to be whole before."""
    path = tmp_path / "x.faiss"
    data, truth, searched = make(path, 2000)
    manifest = read_manifest(path)
    assert manifest is not None
    length_of_ids = manifest.rows_bytes - 8 * manifest.count - 8
    assert data[length_of_ids : length_of_ids + 8] == manifest.count.to_bytes(8, "little")
    monkeypatch.setattr("faiss.read_index", lambda *_: pytest.fail("FAISS was given the file"))
    for at in (length_of_ids + 4, length_of_ids - 1, length_of_ids + 9):
        flipped = bytearray(data)
        flipped[at] ^= 2
        assert_same(searched(bytes(flipped)), truth, f"byte {at}")


@pytest.mark.parametrize(
    "change",
    [
        {"count": "6"},
        {"generation": True},
        {"generation": -1},
        {"generation": 1 << 64},
        {"recipe": ["exact-float16"]},
        {"version": [1]},
        {"version": 1},
        {"lists": 1},
        {"misfit": -0.5},
        {"more": 1},
    ],
)
def test_a_manifest_that_makes_no_sense_is_damaged(tmp_path, change):
    path = tmp_path / "x.faiss"
    data, truth, searched = make(path, 30)
    manifest = read_manifest(path)
    assert manifest is not None
    text = json.dumps({**asdict(manifest), **change}).encode()
    sealed = text + blake3(text).digest() + len(text).to_bytes(8, "little") + MAGIC
    path.write_bytes(data[: manifest.data_bytes] + sealed)
    assert covered_generation(path) is None
    with pytest.raises(VectorIndexError, match="is damaged"):
        FaissIndex.read(path, 32)
    assert_same(searched(path.read_bytes()), truth, str(change))
