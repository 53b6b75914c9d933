"""Searching on a GPU: what it chooses is scored by the codes; without one, the CPU does it all."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import faiss
import numpy as np
import pytest

from mmsearch.vectors import FaissIndex
from mmsearch.vectors.gpu import GpuRows, on_gpu, with_flat_centres
from mmsearch.vectors.installation import faiss_gpus
from mmsearch.vectors.listed import ListedRows
from mmsearch.vectors.lists import Lists
from mmsearch.vectors.recipes import ListsRecipe, Recipe
from tests.vector_sources import ListSource, unit_rows

DIM, COUNT = 32, 2000
RECIPES = (
    Recipe("exact", "SQfp16", 0),
    Recipe("lists", "SQfp16", 1000, ListsRecipe(16, n_probed=4)),
)
gpu_only = pytest.mark.skipif(not faiss_gpus(), reason="FAISS finds no GPU on this machine")


@pytest.fixture
def index(tmp_path, monkeypatch) -> FaissIndex:
    monkeypatch.setattr("mmsearch.vectors.recipes.RECIPES", RECIPES)
    monkeypatch.setattr("mmsearch.vectors.faiss_index.SMALL", 100)
    monkeypatch.setattr("mmsearch.vectors.base.FEW", 50)
    source = ListSource(DIM)
    source.put(list(range(1, COUNT + 1)), unit_rows(COUNT, DIM, 1))
    index = FaissIndex.open(tmp_path / "x.faiss", DIM)
    index.catch_up(source)
    index.save(train=True)
    return index


def stand_in(lists: Lists) -> faiss.Index:
    """What a GPU is given a copy of: the lists under flat centres, not those that search."""
    return with_flat_centres(lists)


@pytest.mark.parametrize("k", [1, 10, 16, 17, 128, 300])
def test_what_the_gpu_chooses_is_scored_by_the_codes(index, monkeypatch, k):
    queries = unit_rows(4, DIM, 7)
    lists = index.search(queries, k)
    monkeypatch.setattr("mmsearch.vectors.gpu._require_gpu", lambda lists: None)
    monkeypatch.setattr("mmsearch.vectors.gpu._lists_on_gpu", stand_in)
    index.use_gpu()
    found = index.search(queries, k)
    assert not found.exact
    np.testing.assert_array_equal(found.ids, lists.ids)
    np.testing.assert_array_equal(found.scores, lists.scores)


def test_filters_and_removed_pictures_are_left_to_the_lists(index, monkeypatch):
    monkeypatch.setattr("mmsearch.vectors.gpu._require_gpu", lambda lists: None)
    monkeypatch.setattr("mmsearch.vectors.gpu._lists_on_gpu", stand_in)
    index.use_gpu()
    query = unit_rows(1, DIM, 7)
    allowed = np.arange(1, COUNT + 1, 2)
    assert np.isin(index.search(query, 10, allowed).ids, allowed).all()
    best = index.search(query, 10).ids[0]
    source = ListSource(DIM)
    source.put(list(range(1, COUNT + 1)), unit_rows(COUNT, DIM, 1))
    source.remove(best[:3].tolist())
    index.catch_up(source)
    assert not np.isin(best[:3], index.search(query, 10).ids).any()


def test_without_a_gpu_one_line_says_so_and_the_search_goes_on(index, monkeypatch, caplog):
    monkeypatch.setattr("mmsearch.vectors.gpu.faiss_gpus", lambda: 0)
    before = index.search(unit_rows(3, DIM, 7), 10)
    with caplog.at_level(logging.WARNING):
        index.use_gpu()
    (record,) = caplog.records
    assert "not searched on the GPU but on the CPU: FAISS finds no GPU" in record.getMessage()
    np.testing.assert_array_equal(index.search(unit_rows(3, DIM, 7), 10).ids, before.ids)


def test_a_gpu_with_too_little_memory_is_not_used(index, caplog):
    def too_large(lists: Lists) -> faiss.Index:
        raise RuntimeError(f"Error in allocMemory: {len(lists)}\ncudaMalloc error out of memory")

    base = index._base
    assert base is not None
    assert on_gpu(base._listed, base.lists, too_large) is None
    assert "cudaMalloc error out of memory" in caplog.text


def test_a_gpu_that_others_filled_is_not_touched(index, monkeypatch, caplog):
    """FAISS would end the process: it is told before."""
    monkeypatch.setattr("mmsearch.vectors.gpu.faiss_gpus", lambda: 1)
    monkeypatch.setattr("mmsearch.vectors.gpu.free_cuda_bytes", lambda: 10**8)
    monkeypatch.setattr("mmsearch.vectors.gpu._lists_on_gpu", lambda lists: pytest.fail("touched"))
    index.use_gpu()
    (record,) = caplog.records
    assert record.getMessage() == (
        "vectors are not searched on the GPU but on the CPU: "
        "of the GPU's memory 0.1 GB are free, 0.8 GB are needed"
    )


def test_a_gpu_that_fails_in_a_search_is_left_and_the_answer_comes(index, monkeypatch, caplog):
    class Failing(GpuRows):
        def __init__(self, listed: ListedRows, lists: Lists, chooser: faiss.Index) -> None:
            super().__init__(listed, lists, chooser)
            self._there = Broken()

    class Broken:
        def look(self, look: object, queries: object) -> None:
            raise RuntimeError("Error in allocMemory\ncudaMalloc error out of memory")

    monkeypatch.setattr("mmsearch.vectors.gpu._require_gpu", lambda lists: None)
    monkeypatch.setattr("mmsearch.vectors.gpu._lists_on_gpu", stand_in)
    monkeypatch.setattr("mmsearch.vectors.gpu.GpuRows", Failing)
    queries = unit_rows(3, DIM, 7)
    before = index.search(queries, 300)
    index.use_gpu()
    for _ in range(2):
        np.testing.assert_array_equal(index.search(queries, 300).ids, before.ids)
    (record,) = caplog.records
    assert record.getMessage().endswith(
        "not searched on the GPU but on the CPU: cudaMalloc error out of memory"
    )


@gpu_only
@pytest.mark.gpu
@pytest.mark.parametrize("k", [1, 10, 17, 128, 300])
def test_a_real_gpu_finds_what_the_lists_find(index, k):
    queries = unit_rows(16, DIM, 7)
    lists = index.search(queries, k)
    index.use_gpu()
    assert index._base is not None
    assert index._base._gpu is not None
    found = index.search(queries, k)
    assert (found.ids == lists.ids).mean() > 0.97
    same = found.ids == lists.ids
    np.testing.assert_array_equal(found.scores[same], lists.scores[same])


@gpu_only
@pytest.mark.gpu
def test_many_threads_get_from_a_real_gpu_what_one_gets(index):
    index.use_gpu()
    queries = unit_rows(64, DIM, 8)
    alone = index.search(queries, 10)
    with ThreadPoolExecutor(8) as threads:
        each = list(threads.map(lambda one: index.search(queries[one : one + 1], 10), range(64)))
    assert (np.concatenate([one.ids for one in each]) == alone.ids).mean() > 0.99


@gpu_only
@pytest.mark.gpu
def test_a_real_gpu_without_room_is_one_line(index, caplog):
    """Memory that torch holds is seen before FAISS asks for any."""
    torch = pytest.importorskip("torch")
    before = index.search(unit_rows(3, DIM, 7), 10)
    free, _ = torch.cuda.mem_get_info()
    taken = torch.empty(free - (64 << 20), dtype=torch.uint8, device="cuda")
    index.use_gpu()
    del taken
    torch.cuda.empty_cache()
    (record,) = caplog.records
    assert record.getMessage().startswith("vectors are not searched on the GPU but on the CPU: ")
    assert "\n" not in record.getMessage()
    np.testing.assert_array_equal(index.search(unit_rows(3, DIM, 7), 10).ids, before.ids)
