"""Damage of a large vector file: seen block by block, before it is searched."""

from __future__ import annotations

import numpy as np
import pytest

from mmsearch.errors import VectorIndexError
from mmsearch.vectors import FaissIndex
from mmsearch.vectors.manifest import recent_path
from tests.unit.vectors.large import (
    COUNT,
    DIM,
    built,
    clustered,
    recall,
    source_of,
)

pytestmark = pytest.mark.usefixtures("small_thresholds")


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
