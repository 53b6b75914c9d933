"""Any history of puts, removals and restarts: FAISS answers as brute force does."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch.vectors import FaissIndex, ReferenceIndex
from mmsearch.vectors.file_scan import FileScan
from mmsearch.vectors.ranking import nearest_by_products, nearest_by_scan
from mmsearch.vectors.recipes import recipe_for
from mmsearch.vectors.rows import Rows
from tests.vector_sources import ListSource

DIM = 4
# Few directions, all exact in float16: ties abound, and scores are equal on both sides.
DIRECTIONS = np.vstack([np.eye(DIM), -np.eye(DIM)]).astype(np.float32)

ids = st.integers(0, 12)
puts = st.tuples(st.just("put"), st.lists(st.tuples(ids, st.integers(0, 7)), min_size=1))
removals = st.tuples(st.just("remove"), st.lists(ids, min_size=1))
steps = st.lists(
    st.one_of(puts, removals, st.just(("catch up",)), st.just(("save",)), st.just(("restart",))),
    max_size=12,
)


@settings(max_examples=150, deadline=None)
@given(
    steps,
    st.lists(st.integers(0, 7), min_size=1, max_size=3),
    st.integers(0, 20),
    st.none() | st.lists(st.integers(0, 15)),
)
def test_faiss_answers_as_brute_force(history, asked, k, allowed):
    source, reference = ListSource(DIM), ReferenceIndex(DIM)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.faiss"
        index = FaissIndex.open(path, DIM)
        for step in history:
            if step[0] == "put":
                rows = DIRECTIONS[[direction for _, direction in step[1]]]
                source.put([item for item, _ in step[1]], rows)
            elif step[0] == "remove":
                source.remove(step[1])
            elif step[0] == "catch up":
                index.catch_up(source)
            elif step[0] == "save":
                index.save()
            else:
                index = FaissIndex.open(path, DIM)
        index.catch_up(source)
        reference.catch_up(source)
        assert len(index) == len(reference) == source.count()
        assert index.generation == source.generation
        only = None if allowed is None else np.array(allowed, dtype=np.int64)
        found = index.search(DIRECTIONS[asked], k, only)
        truth = reference.search(DIRECTIONS[asked], k, only)
        np.testing.assert_array_equal(found.ids, truth.ids)
        np.testing.assert_array_equal(found.scores, truth.scores)
        index.save(replace=True)
        scan = FileScan.open(path, source)
        if scan is not None:  # an index that never held anything is not written
            scanned = scan.search(DIRECTIONS[asked], k, only)
            np.testing.assert_array_equal(scanned.ids, truth.ids)
            np.testing.assert_array_equal(scanned.scores, truth.scores)
        assert scan is not None or source.generation == 0 or not path.exists()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 7), min_size=1, max_size=60),
    st.lists(st.integers(0, 7), min_size=1, max_size=5),
    st.integers(0, 70),
    st.none() | st.sets(st.integers(0, 59)),
)
def test_many_queries_at_once_are_answered_as_each_alone(held, asked, k, allowed):
    """Products that choose candidates and a scan of all codes agree, ties included."""
    rows = Rows.empty(recipe_for(0), DIM)
    rows.append(np.random.default_rng(0).permutation(len(held)), DIRECTIONS[held])
    positions = None
    if allowed is not None:
        positions = np.array(sorted(p for p in allowed if p < len(held)), dtype=np.int64)
    one = nearest_by_products(rows, DIRECTIONS[asked], k, positions)
    other = nearest_by_scan(rows, DIRECTIONS[asked], k, positions)
    np.testing.assert_array_equal(one.ids, other.ids)
    np.testing.assert_array_equal(one.scores, other.scores)
