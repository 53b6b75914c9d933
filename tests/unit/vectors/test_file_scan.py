"""A vector file scanned without FAISS: the same answers, and what is left to FAISS."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmsearch.errors import VectorIndexError
from mmsearch.vectors import FaissIndex
from mmsearch.vectors.file_scan import FileScan
from mmsearch.vectors.manifest import read_manifest, recent_path
from mmsearch.vectors.recipes import ListsRecipe, Recipe
from tests.unit.vectors.numbered import DIM, source_of
from tests.vector_sources import ListSource, unit_rows


def saved(path: Path, source: ListSource) -> FaissIndex:
    index = FaissIndex.open(path, source.dim)
    index.catch_up(source)
    assert index.save()
    return index


def scan_of(path: Path, source: ListSource) -> FileScan:
    saved(path, source)
    scan = FileScan.open(path, source)
    assert scan is not None
    return scan


@pytest.mark.parametrize("allowed", [None, np.arange(3, 900, 7), np.array([5, 4242]), np.arange(0)])
@pytest.mark.parametrize("k", [0, 1, 10, 1500])
def test_it_finds_what_faiss_finds(tmp_path, allowed, k):
    source = ListSource(64)
    source.put(np.random.default_rng(0).permutation(1300).tolist(), unit_rows(1300, 64, 1))
    scan, index = scan_of(tmp_path / "x.faiss", source), FaissIndex.open(tmp_path / "x.faiss", 64)
    queries = unit_rows(5, 64, 2)
    found, expected = scan.search(queries, k, allowed), index.search(queries, k, allowed)
    np.testing.assert_array_equal(found.ids, expected.ids)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)
    assert (found.ids.dtype, found.scores.dtype) == (expected.ids.dtype, expected.scores.dtype)
    assert found.exact
    assert (len(scan), scan.generation) == (len(index), index.generation)


def test_equal_embeddings_come_by_rising_id_wherever_they_lie(tmp_path):
    row = unit_rows(1, DIM)
    source = ListSource(DIM)
    ids = (np.random.default_rng(3).permutation(1500) + 1).tolist()
    source.put(ids, np.repeat(row, 1500, axis=0))
    scan = scan_of(tmp_path / "x.faiss", source)
    for k in (1, 5, 1499, 1500):
        assert scan.search(row, k).ids[0].tolist() == list(range(1, k + 1))


def test_an_empty_file_gives_empty_slots(tmp_path):
    source = source_of(3)
    source.remove([1, 2, 3])
    found = scan_of(tmp_path / "x.faiss", source).search(unit_rows(2, DIM), 3)
    assert found.ids.tolist() == [[-1] * 3] * 2
    assert np.isneginf(found.scores).all()


def test_bad_queries_are_refused(tmp_path):
    scan = scan_of(tmp_path / "x.faiss", source_of(5))
    with pytest.raises(VectorIndexError, match="shape"):
        scan.search(unit_rows(1, DIM + 1), 3)
    with pytest.raises(VectorIndexError, match="not finite"):
        scan.search(np.full((1, DIM), np.nan, np.float32), 3)


def test_faiss_takes_over_when_the_source_has_moved_on(tmp_path):
    source = source_of(20)
    scan = scan_of(tmp_path / "x.faiss", source)
    assert scan.catch_up(source) == 0
    assert not scan.superseded
    source.put([77], unit_rows(1, DIM, 8))
    source.remove([1])
    assert scan.catch_up(source) == 2
    assert (len(scan), scan.generation) == (20, source.generation)
    assert scan.search(unit_rows(1, DIM, 8), 1).ids.tolist() == [[77]]
    with pytest.raises(VectorIndexError, match="dimension"):
        scan.catch_up(ListSource(DIM + 1))


def test_a_file_that_is_missing_or_behind_is_left_to_faiss(tmp_path):
    source = source_of(20)
    assert FileScan.open(tmp_path / "x.faiss", source) is None
    saved(tmp_path / "x.faiss", source)
    assert FileScan.open(tmp_path / "x.faiss", ListSource(DIM + 1)) is None
    source.remove([3])
    assert FileScan.open(tmp_path / "x.faiss", source) is None


def test_a_large_file_or_one_with_changes_beside_it_is_left_to_faiss(tmp_path, monkeypatch):
    path, source = tmp_path / "x.faiss", source_of(20)
    saved(path, source)
    recent_path(path).touch()
    assert FileScan.open(path, source) is None
    recent_path(path).unlink()
    assert FileScan.open(path, source) is not None
    monkeypatch.setattr("mmsearch.vectors.file_scan.MOST_ROWS", 19)
    assert FileScan.open(path, source) is None


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe("exact-float16", "SQfp16", 0, ListsRecipe(16, n_probed=6)),
        Recipe("exact-float16", "Flat", 0),
        Recipe("of another version", "SQfp16", 0),
    ],
)
def test_another_recipe_is_left_to_faiss(tmp_path, monkeypatch, recipe):
    path, source = tmp_path / "x.faiss", source_of(20)
    saved(path, source)
    monkeypatch.setattr("mmsearch.vectors.recipes.RECIPES", (recipe,))
    assert FileScan.open(path, source) is None


def test_no_flipped_bit_is_searched(tmp_path, monkeypatch):
    """Whichever byte it is in: of the codes, ids, digests or manifest."""
    monkeypatch.setattr("mmsearch.vectors.manifest.SAMPLES", 2)
    monkeypatch.setattr("mmsearch.vectors.manifest.SAMPLE_BYTES", 16)
    path, source = tmp_path / "x.faiss", source_of(20)
    saved(path, source)
    manifest, sound = read_manifest(path), path.read_bytes()
    assert manifest is not None
    for place in range(0, len(sound), 5):
        damaged = bytearray(sound)
        damaged[place] ^= 4
        path.write_bytes(damaged)
        assert FileScan.open(path, source) is None, place
    path.write_bytes(sound[:-1])
    assert FileScan.open(path, source) is None
