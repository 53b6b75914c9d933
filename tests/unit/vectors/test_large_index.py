"""A large index, forced at small sizes: lists, changes beside the file, merging."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from mmsearch.types import Embeddings
from mmsearch.vectors import FaissIndex, ReferenceIndex, compare
from mmsearch.vectors.manifest import (
    Manifest,
    covered_generation,
    read_manifest,
    read_recent,
    recent_path,
)
from tests.unit.vectors.large import (
    COUNT,
    DIM,
    built,
    clustered,
    recall,
    source_of,
)
from tests.vector_sources import ListSource

pytestmark = pytest.mark.usefixtures("small_thresholds")


def assert_exact(index: FaissIndex, source: ListSource, k: int, allowed=None) -> None:
    reference = ReferenceIndex(DIM)
    reference.catch_up(source)
    queries = clustered(5, 6)
    found = index.search(queries, k, allowed, exact=True)
    assert found.exact
    truth = reference.search(queries, k, allowed)
    np.testing.assert_allclose(found.scores, truth.scores, atol=2e-3)
    assert np.mean(found.ids == truth.ids) > 0.8  # ids of near-equal scores may change places


def test_a_large_index_has_lists_that_find_the_nearest_and_says_it_is_not_exact(tmp_path):
    source = source_of()
    index = built(tmp_path / "x.faiss", source)
    manifest = read_manifest(index.path)
    assert manifest is not None
    assert (manifest.recipe, manifest.lists, manifest.trained_on) == ("some-lists", True, COUNT)
    assert not index.search(clustered(1, 5), 10).exact
    assert recall(index, source) >= 0.95
    assert_exact(index, source, 20)
    assert recall(FaissIndex.open(index.path, DIM), source) >= 0.95


def test_without_training_a_large_index_is_searched_exactly(tmp_path):
    source = source_of()
    index = FaissIndex.open(tmp_path / "x.faiss", DIM)
    index.catch_up(source)
    assert index.save()
    assert index.search(clustered(1, 5), 10).exact
    assert index.optimize()
    assert not index.search(clustered(1, 5), 10).exact
    assert not index.optimize()


@pytest.mark.parametrize("k", [1, 16, 17, 40, 128, 129, 700, COUNT + 5])
def test_a_longer_answer_begins_with_the_shorter_ones(tmp_path, k):
    index = built(tmp_path / "x.faiss", source_of())
    queries = clustered(4, 8)
    whole = index.search(queries, COUNT + 5)
    part = index.search(queries, k)
    np.testing.assert_array_equal(part.ids, whole.ids[:, :k])
    np.testing.assert_array_equal(part.scores, whole.scores[:, :k])
    assert (np.diff(whole.scores[:, :COUNT]) <= 0).all()
    for ids in whole.ids:
        held = ids[ids >= 0]
        assert len(np.unique(held)) == len(held)


def test_a_query_gets_the_same_answer_whoever_asked_beside_it(tmp_path):
    index = built(tmp_path / "x.faiss", source_of())
    queries = clustered(9, 8)
    together = index.search(queries, 30)
    for number in range(len(queries)):
        alone = index.search(queries[number : number + 1], 30)
        np.testing.assert_array_equal(alone.ids[0], together.ids[number])
        np.testing.assert_array_equal(alone.scores[0], together.scores[number])


def test_a_filter_that_leaves_few_is_exact_and_one_that_leaves_many_is_obeyed(tmp_path):
    source = source_of()
    index = built(tmp_path / "x.faiss", source)
    few = np.arange(1, COUNT, 40)
    found = index.search(clustered(3, 5), 10, few)
    assert found.exact
    assert_exact(index, source, 10, few)
    many = np.arange(2, COUNT, 3)
    found = index.search(clustered(20, 5), 10, many)
    assert not found.exact
    assert np.isin(found.ids, many).all()
    assert recall(index, source, allowed=many) >= 0.95


def test_few_changes_go_beside_the_file_which_stays(tmp_path):
    path, source = tmp_path / "x.faiss", source_of()
    built(path, source)
    before = path.read_bytes()
    source.remove([5, 6, 7])
    source.put([9, 5001, 5002], clustered(3, 9))
    index = FaissIndex.open(path, DIM)
    assert index.catch_up(source) == 6
    assert index.save(train=True)
    assert path.read_bytes() == before
    assert covered_generation(path) == source.generation
    manifest = read_manifest(path)
    assert manifest is not None
    recent = read_recent(path, manifest)
    assert recent is not None
    assert (recent.count, recent.n_removed) == (3, 4)
    again = FaissIndex.open(path, DIM)
    assert (again.generation, len(again)) == (source.generation, COUNT - 1)
    assert not again.dirty
    assert recall(again, source) >= 0.95
    assert not np.isin([5, 6, 7], again.search(clustered(3, 5), COUNT).ids).any()
    assert_exact(again, source, 30)
    found = compare(path, source)
    assert found is not None
    assert found.equal


def test_optimizing_puts_changes_into_the_file_and_others_notice(tmp_path):
    path, source = tmp_path / "x.faiss", source_of()
    built(path, source)
    source.remove([5, 6, 7])
    source.put([9, 5001], clustered(2, 9))
    serving, optimizing = FaissIndex.open(path, DIM), FaissIndex.open(path, DIM)
    for index in (serving, optimizing):
        index.catch_up(source)
    serving.save()
    assert not serving.superseded
    assert optimizing.optimize()
    assert serving.superseded
    assert not recent_path(path).exists()
    manifest = read_manifest(path)
    assert manifest is not None
    assert (manifest.count, manifest.generation) == (COUNT - 2, source.generation)
    assert manifest.trained_on == COUNT  # the centres stay: they fit
    assert recall(FaissIndex.open(path, DIM), source) >= 0.95
    assert len(serving.search(clustered(1, 5), 10).ids) == 1  # it still searches the old one


def grown(path: Path, embeddings: Embeddings) -> tuple[FaissIndex, ListSource, Manifest]:
    """A saved large index that gets so many more embeddings and is saved again."""
    source = source_of()
    built(path, source)
    source.put(list(range(10_001, 10_001 + len(embeddings))), embeddings)
    index = FaissIndex.open(path, DIM)
    index.catch_up(source)
    assert index.save(train=True)
    manifest = read_manifest(path)
    assert manifest is not None
    return index, source, manifest


def test_many_changes_make_a_new_file(tmp_path):
    path = tmp_path / "x.faiss"
    index, source, manifest = grown(path, clustered(300, 9))
    assert not recent_path(path).exists()
    assert (manifest.count, manifest.trained_on) == (COUNT + 300, COUNT)
    assert recall(index, source) >= 0.95


def test_lists_are_trained_again_when_the_gallery_becomes_another(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        _, _, manifest = grown(tmp_path / "x.faiss", clustered(2500, 3, around=77))
    assert "from the centres" in caplog.text
    assert (manifest.recipe, manifest.trained_on) == ("some-lists", COUNT + 2500)


def test_a_larger_gallery_gets_more_lists(tmp_path):
    index, source, manifest = grown(tmp_path / "x.faiss", clustered(4000, 3))
    assert (manifest.recipe, manifest.trained_on) == ("more-lists", COUNT + 4000)
    assert recall(index, source) >= 0.95
