"""Searching many queries in one pass: the answers of one scan a query, to the last bit."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from mmsearch.types import Neighbours
from mmsearch.vectors.ranking import nearest, nearest_by_products, nearest_by_scan
from mmsearch.vectors.recipes import recipe_for
from mmsearch.vectors.rows import Rows
from tests.vector_sources import unit_rows

DIM = 48


def rows_of(embeddings, ids=None) -> Rows:
    rows = Rows.empty(recipe_for(0), embeddings.shape[1])
    rows.append(np.arange(len(embeddings)) if ids is None else ids, embeddings)
    return rows


def assert_both_ways_agree(rows, queries, k, positions=None) -> Neighbours:
    """What both ways find."""
    found = nearest_by_products(rows, queries, k, positions)
    assert_same(found, nearest_by_scan(rows, queries, k, positions))
    return found


def assert_same(one: Neighbours, other: Neighbours) -> None:
    np.testing.assert_array_equal(one.ids, other.ids)
    np.testing.assert_array_equal(one.scores, other.scores)


def test_decoded_embeddings_are_kept_until_a_change():
    """They are what the codes say, and follow what is added and dropped."""
    rows = rows_of(unit_rows(100, DIM))
    np.testing.assert_array_equal(
        rows.floats(), rows.codes().view(np.float16).astype(np.float32).reshape(100, DIM)
    )
    assert rows.floats() is rows.floats()
    rows.append(np.array([500]), unit_rows(1, DIM, 5))
    assert len(rows.floats()) == 101
    assert len(rows.without(np.array([0, 500])).floats()) == 99
    assert Rows.empty(recipe_for(0), DIM).floats().shape == (0, DIM)


@pytest.mark.parametrize("count", [1, 255, 4096, 4097, 40_000])
@pytest.mark.parametrize("k", [1, 20, 5000])
def test_both_ways_find_the_same(count, k):
    """Also where the rows end inside a block, and where k exceeds them."""
    ids = np.random.default_rng(1).permutation(count)
    rows, queries = rows_of(unit_rows(count, DIM), ids), unit_rows(5, DIM, 2)
    assert_both_ways_agree(rows, queries, k)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 1.0])
def test_both_ways_keep_to_the_positions_allowed(share):
    rows, queries = rows_of(unit_rows(9000, DIM)), unit_rows(7, DIM, 3)
    chosen = np.random.default_rng(4).choice(9000, int(9000 * share), replace=False)
    positions = np.sort(chosen)
    one = assert_both_ways_agree(rows, queries, 12, positions)
    assert set(one.ids[one.ids >= 0].tolist()) <= set(positions.tolist())


def test_both_ways_break_ties_by_ascending_id():
    """Thousands of equal rows: the lowest ids win, wherever they lie."""
    same = np.repeat(unit_rows(3, DIM), 3000, axis=0)
    ids = np.random.default_rng(6).permutation(len(same))
    rows = rows_of(same, ids)
    found = assert_both_ways_agree(rows, unit_rows(3, DIM), 10)
    assert found.ids[0].tolist() == sorted(ids[:3000].tolist())[:10]


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_changes_nothing(threads):
    rows, queries = rows_of(unit_rows(60_000, DIM)), unit_rows(4, DIM, 7)
    expected = nearest_by_scan(rows, queries, 9, None)
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads)
    try:
        assert_same(nearest_by_products(rows, queries, 9, None), expected)
    finally:
        faiss.omp_set_num_threads(before)


def test_queries_of_any_length_find_the_same():
    rows = rows_of(unit_rows(5000, DIM))
    queries = unit_rows(4, DIM, 8) * np.array([[1e-3], [1.0], [40.0], [0.0]], np.float32)
    assert_both_ways_agree(rows, queries, 6)


def test_a_query_gets_the_same_answer_alone_and_among_many():
    """Which way is taken depends on how many ask; what is found does not."""
    rows, queries = rows_of(unit_rows(6000, DIM)), unit_rows(100, DIM, 9)
    together = nearest(rows, queries, 10, None)
    for number in (0, 63, 64, 99):
        alone = nearest(rows, queries[number : number + 1], 10, None)
        np.testing.assert_array_equal(alone.ids[0], together.ids[number])
        np.testing.assert_array_equal(alone.scores[0], together.scores[number])


def test_no_argument_is_changed():
    rows, queries = rows_of(unit_rows(5000, DIM)), unit_rows(12, DIM)
    positions = np.arange(4000)
    copies = queries.copy(), positions.copy(), rows.codes().copy()
    nearest_by_products(rows, queries, 5, positions)
    for now, before in zip((queries, positions, rows.codes()), copies, strict=True):
        np.testing.assert_array_equal(now, before)
