"""A large index, forced at small sizes: lists, changes beside the file, merging, damage."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from mmsearch.errors import VectorIndexError
from mmsearch.types import Embeddings
from mmsearch.vectors import FaissIndex, ReferenceIndex, compare
from mmsearch.vectors.manifest import covered_generation, read_manifest, read_recent, recent_path
from mmsearch.vectors.recipes import ListsRecipe, Recipe
from tests.vector_sources import ListSource, unit_rows

DIM = 32
COUNT = 3000
RECIPES = (
    Recipe("exact", "SQfp16", 0),
    Recipe("some-lists", "SQfp16", 1000, ListsRecipe(16, n_probed=6)),
    Recipe("more-lists", "SQfp16", 6000, ListsRecipe(32, n_probed=8)),
)


@pytest.fixture(autouse=True)
def small_thresholds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmsearch.vectors.recipes.RECIPES", RECIPES)
    monkeypatch.setattr("mmsearch.vectors.faiss_index.SMALL", 100)
    monkeypatch.setattr("mmsearch.vectors.base.FEW", 50)
    monkeypatch.setattr("mmsearch.vectors.files.CHECKED_AT_ONCE", 0)
    # Of a large file the sampled blocks show little: here only the head and the end.
    monkeypatch.setattr("mmsearch.vectors.manifest.SAMPLES", 2)
    monkeypatch.setattr("mmsearch.vectors.manifest.SAMPLE_BYTES", 256)


def clustered(count: int, seed: int, around: int = 1) -> Embeddings:
    """Embeddings around 20 centres, as pictures of a few subjects are."""
    rng = np.random.default_rng(seed)
    centres = unit_rows(20, DIM, around)
    rows = centres[rng.integers(20, size=count)] + 0.12 * rng.standard_normal((count, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def source_of(count: int = COUNT) -> ListSource:
    source = ListSource(DIM)
    source.put(list(range(1, count + 1)), clustered(count, 0))
    return source


def built(path: Path, source: ListSource) -> FaissIndex:
    index = FaissIndex.open(path, DIM)
    index.catch_up(source)
    assert index.save(train=True)
    return index


def recall(index: FaissIndex, source: ListSource, k: int = 10, allowed=None) -> float:
    """`ann_recall@k` of 50 questions against brute force."""
    queries = clustered(50, 5)
    reference = ReferenceIndex(DIM)
    reference.catch_up(source)
    found, truth = (one.search(queries, k, allowed) for one in (index, reference))
    hits = [np.intersect1d(a, b).size for a, b in zip(found.ids, truth.ids, strict=True)]
    return float(np.mean(hits)) / k


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


def test_many_changes_make_a_new_file(tmp_path):
    path, source = tmp_path / "x.faiss", source_of()
    built(path, source)
    source.put(list(range(5001, 5301)), clustered(300, 9))
    index = FaissIndex.open(path, DIM)
    index.catch_up(source)
    assert index.save(train=True)
    assert not recent_path(path).exists()
    manifest = read_manifest(path)
    assert manifest is not None
    assert (manifest.count, manifest.trained_on) == (COUNT + 300, COUNT)
    assert recall(index, source) >= 0.95


def test_lists_are_trained_again_when_the_gallery_becomes_another(tmp_path, caplog):
    path, source = tmp_path / "x.faiss", source_of()
    built(path, source)
    source.put(list(range(10_001, 12_501)), clustered(2500, 3, around=77))
    index = FaissIndex.open(path, DIM)
    index.catch_up(source)
    with caplog.at_level(logging.INFO):
        assert index.save(train=True)
    assert "from the centres" in caplog.text
    manifest = read_manifest(path)
    assert manifest is not None
    assert (manifest.recipe, manifest.trained_on) == ("some-lists", COUNT + 2500)


def test_a_larger_gallery_gets_more_lists(tmp_path):
    path, source = tmp_path / "x.faiss", source_of()
    built(path, source)
    source.put(list(range(10_001, 14_001)), clustered(4000, 3))
    index = FaissIndex.open(path, DIM)
    index.catch_up(source)
    assert index.save(train=True)
    manifest = read_manifest(path)
    assert manifest is not None
    assert (manifest.recipe, manifest.trained_on) == ("more-lists", COUNT + 4000)
    assert recall(index, source) >= 0.95


def test_changes_in_which_a_bit_flipped_are_replayed_instead(tmp_path):
    path, source = tmp_path / "x.faiss", source_of()
    built(path, source)
    old_generation = source.generation
    new = clustered(1, 9)
    source.put([5001], new)
    index = FaissIndex.open(path, DIM)
    index.catch_up(source)
    index.save()
    sound = recent_path(path).read_bytes()
    code = new.astype(np.float16).tobytes()
    for at in (len(sound) // 3, sound.index(code) + 1):
        data = bytearray(sound)
        data[at] ^= 64
        recent_path(path).unlink()
        recent_path(path).write_bytes(data)
        again = FaissIndex.open(path, DIM)
        assert again.generation == old_generation
        assert again.catch_up(source) == 1
        assert again.search(new, 1).scores[0, 0] == pytest.approx(1, abs=2e-3)


def test_a_flipped_bit_is_never_searched_whichever_block_it_is_in(tmp_path, caplog):
    path, source = tmp_path / "x.faiss", source_of()
    built(path, source)
    sound = path.read_bytes()
    queries = clustered(3, 5)
    truth = FaissIndex.open(path, DIM).search(queries, 10, exact=True)
    rng = np.random.default_rng(3)
    for at in rng.integers(len(sound), size=40).tolist():
        data = bytearray(sound)
        data[at] ^= 1 << int(rng.integers(8))
        path.unlink()
        path.write_bytes(data)
        index = FaissIndex.open(path, DIM)
        index.catch_up(source)
        try:
            found = index.search(queries, 10, exact=True)
        except VectorIndexError:
            assert index.catch_up(source) == COUNT
            found = index.search(queries, 10, exact=True)
        np.testing.assert_array_equal(found.ids, truth.ids)
        np.testing.assert_array_equal(found.scores, truth.scores)


def test_lists_never_lead_into_a_damaged_block(tmp_path):
    path, source = tmp_path / "x.faiss", source_of()
    built(path, source)
    data = bytearray(path.read_bytes())
    at = 400 + 64 * 1500  # a code in the middle
    data[at : at + 64] = bytes(64)
    path.unlink()
    path.write_bytes(data)
    index = FaissIndex.open(path, DIM)
    index.catch_up(source)
    with pytest.raises(VectorIndexError, match="does not fit its checksum"):
        index.search(clustered(200, 5), 10)
    assert not index.verify()
    assert index.catch_up(source) == COUNT
    assert recall(index, source) == pytest.approx(1, abs=0.01)


def test_a_process_that_asks_often_has_all_blocks_checked_beside_it(tmp_path, monkeypatch):
    monkeypatch.setattr("mmsearch.vectors.blocks.BLOCK_BYTES", 256)
    monkeypatch.setattr("mmsearch.vectors.listed.OFTEN", 2)
    path, source = tmp_path / "x.faiss", source_of()
    built(path, source)
    index = FaissIndex.open(path, DIM)
    assert index._base is not None
    blocks = index._base._blocks
    index.search(clustered(1, 5), 1)
    assert not blocks._known.all()
    index.search(clustered(1, 5), 1)
    assert blocks._sweeping is not None
    blocks._sweeping.join(10)
    assert blocks._known.all()


def test_damage_found_beside_searches_is_told_by_the_search_that_comes_to_it(tmp_path):
    path, source = tmp_path / "x.faiss", source_of()
    index = built(path, source)
    code = clustered(COUNT, 0)[1500].astype(np.float16).tobytes()
    data = bytearray(path.read_bytes())
    data[data.index(code)] ^= 1
    path.unlink()
    path.write_bytes(data)
    index = FaissIndex.open(path, DIM)
    assert index._base is not None
    blocks = index._base._blocks
    blocks.check_all_beside(index._base.rows.index.code_size)
    assert blocks._sweeping is not None
    blocks._sweeping.join(10)
    with pytest.raises(VectorIndexError, match="does not fit its checksum"):
        index.search(clustered(COUNT, 0)[1500:1501], 10)
