"""Searching the FAISS index: exact order, ties, filters, and what is refused."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from mmsearch.errors import VectorIndexError
from mmsearch.vectors import FaissIndex, ReferenceIndex
from mmsearch.vectors.ranking import nearest_by_scan
from mmsearch.vectors.recipes import recipe_for
from mmsearch.vectors.rows import Rows
from tests.unit.vectors.numbered import DIM, source_of
from tests.vector_sources import ListSource, unit_rows


def test_scores_are_close_to_float32_and_order_is_exact_in_practice(tmp_path):
    """ann_recall@10 ≥ 0.999 against float32 brute force, scores within 2e-3."""
    gallery, queries = unit_rows(5000, 256, 1), unit_rows(100, 256, 2)
    source = ListSource(256)
    source.put(list(range(5000)), gallery)
    index = FaissIndex.open(tmp_path / "x.faiss", 256)
    index.catch_up(source)
    found = index.search(queries, 10)
    scores = queries @ gallery.T
    truth = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    overlap = [
        len(set(a) & set(b)) for a, b in zip(found.ids.tolist(), truth.tolist(), strict=True)
    ]
    assert np.mean(overlap) / 10 >= 0.999
    expected = np.take_along_axis(scores, found.ids, axis=1)
    np.testing.assert_allclose(found.scores, expected, atol=2e-3)


def test_empty_slots_have_no_id_and_score_minus_infinity(tmp_path):
    index = FaissIndex.open(tmp_path / "x.faiss", DIM)
    empty = index.search(unit_rows(2, DIM), 3)
    assert empty.ids.tolist() == [[-1] * 3] * 2
    assert np.isneginf(empty.scores).all()
    index.catch_up(source_of(2))
    found = index.search(unit_rows(1, DIM), 4)
    assert (found.ids[0] == -1).tolist() == [False, False, True, True]
    assert np.isneginf(found.scores[0, 2:]).all()
    assert found.scores.dtype == np.float32
    assert found.ids.dtype == np.int64
    assert index.search(unit_rows(0, DIM), 4).ids.shape == (0, 4)
    assert index.search(unit_rows(2, DIM), 0).ids.shape == (2, 0)


def test_ties_break_by_ascending_id_also_at_the_border(tmp_path):
    row = unit_rows(1, DIM)
    source = ListSource(DIM)
    ids = np.random.default_rng(3).permutation(500) + 1
    source.put(ids.tolist(), np.repeat(row, 500, axis=0))
    source.put([1000], -row)
    index = FaissIndex.open(tmp_path / "x.faiss", DIM)
    index.catch_up(source)
    for k in (1, 5, 499, 500):
        assert index.search(row, k).ids[0].tolist() == list(range(1, k + 1))
    both = index.search(np.vstack([row, -row]), 2).ids.tolist()
    assert both == [[1, 2], [1000, 1]]
    allowed = np.array([7, 300, 5, 1000, 4242])
    assert index.search(row, 5, allowed).ids[0].tolist() == [5, 7, 300, 1000, -1]


@pytest.mark.parametrize("share", [0.0, 0.005, 0.3, 1.0])
def test_filters_agree_with_brute_force_whether_few_or_many(tmp_path, share):
    source = source_of(2000)
    index, reference = FaissIndex.open(tmp_path / "x.faiss", DIM), ReferenceIndex(DIM)
    assert index.catch_up(source) == reference.catch_up(source) == 2000
    allowed = np.random.default_rng(5).choice(2000, int(2000 * share), replace=False) + 1
    queries = unit_rows(3, DIM, 9)
    found, truth = index.search(queries, 7, allowed), reference.search(queries, 7, allowed)
    np.testing.assert_array_equal(found.ids, truth.ids)
    np.testing.assert_allclose(found.scores, truth.scores, atol=2e-3)
    everything = index.search(queries, 2000)
    for row in range(3):  # a filter changes which rows, never their scores
        whole = dict(
            zip(everything.ids[row].tolist(), everything.scores[row].tolist(), strict=True)
        )
        for item, score in zip(found.ids[row].tolist(), found.scores[row].tolist(), strict=True):
            assert item == -1 or score == whole[item]


def test_no_argument_is_changed(tmp_path):
    index = FaissIndex.open(tmp_path / "x.faiss", DIM)
    index.catch_up(source_of(50))
    queries, allowed = unit_rows(2, DIM), np.array([9, 3, 3])
    copies = queries.copy(), allowed.copy()
    index.search(queries, 3, allowed)
    np.testing.assert_array_equal(queries, copies[0])
    np.testing.assert_array_equal(allowed, copies[1])


def test_bad_queries_are_refused(tmp_path):
    index = FaissIndex.open(tmp_path / "x.faiss", DIM)
    index.catch_up(source_of(5))
    with pytest.raises(VectorIndexError, match="shape"):
        index.search(unit_rows(1, DIM + 1), 3)
    with pytest.raises(VectorIndexError, match="k -1"):
        index.search(unit_rows(1, DIM), -1)
    with pytest.raises(VectorIndexError, match="not finite"):
        index.search(np.full((1, DIM), np.nan, np.float32), 3)
    with pytest.raises(VectorIndexError, match="dimension"):
        index.catch_up(ListSource(DIM + 1))


def test_the_thread_setting_is_put_back(tmp_path):
    index = FaissIndex.open(tmp_path / "x.faiss", DIM)
    index.catch_up(source_of(5))
    before = faiss.omp_get_max_threads()
    index.search(unit_rows(1, DIM), 3)
    assert faiss.omp_get_max_threads() == before


@pytest.mark.parametrize("k", [1, 7, 40, 300])
@pytest.mark.parametrize("share", [None, 2, 5])
def test_a_scan_by_several_threads_finds_what_one_finds(monkeypatch, k, share):
    rng = np.random.default_rng(k)
    rows = Rows.empty(recipe_for(0), 8)
    # Few values a dimension, so that many scores are equal, also at the ends of stretches.
    rows.append(rng.permutation(300) + 1, rng.integers(-1, 2, (300, 8)).astype(np.float32))
    query = rng.integers(-1, 2, (1, 8)).astype(np.float32)
    positions = None if share is None else np.arange(0, 300, share)
    alone = nearest_by_scan(rows, query, k, positions)
    monkeypatch.setattr("mmsearch.vectors.ranking.BYTES_A_THREAD", 300 * 16 // 3)
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(3)
    try:
        shared = nearest_by_scan(rows, query, k, positions)
    finally:
        faiss.omp_set_num_threads(before)
    np.testing.assert_array_equal(shared.ids, alone.ids)
    np.testing.assert_array_equal(shared.scores, alone.scores)
