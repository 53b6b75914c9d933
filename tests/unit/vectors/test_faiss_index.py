"""The FAISS index: catch-up, saving, and files that went wrong."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import pytest

from mmsearch.errors import VectorIndexError
from mmsearch.types import Modality
from mmsearch.vectors import FaissIndex, ReferenceIndex, vector_path
from mmsearch.vectors.files import read_manifest
from mmsearch.vectors.recipes import RECIPES, Recipe, recipe_for, recipe_named
from mmsearch.vectors.rows import make_index
from tests.catalogue_rows import make_space
from tests.unit.vectors.numbered import DIM, source_of
from tests.vector_sources import ListSource, unit_rows


def saved(path: Path, source: ListSource) -> FaissIndex:
    index = FaissIndex.open(path, DIM)
    index.catch_up(source)
    assert index.save()
    return index


def reopened(path: Path) -> FaissIndex:
    return FaissIndex.open(path, DIM)


def test_an_index_that_is_level_does_not_replay(tmp_path):
    source = source_of(10)
    index = saved(tmp_path / "x.faiss", source)
    replays = source.replays
    assert index.catch_up(source) == 0
    assert source.replays == replays
    assert not index.dirty
    assert not index.save()


def test_a_saved_index_replays_only_what_it_misses(tmp_path):
    path, source = tmp_path / "v" / "x.faiss", source_of(10)
    saved(path, source)
    source.put([20, 3], unit_rows(2, DIM, 4))  # 3 gets another embedding
    source.remove([1, 2, 777])
    index = reopened(path)
    assert len(index) == 10
    assert index.catch_up(source) == 4
    assert len(index) == source.count() == 9
    assert index.save()
    reference = ReferenceIndex(DIM)
    reference.catch_up(source)
    queries = unit_rows(4, DIM, 6)
    np.testing.assert_array_equal(
        reopened(path).search(queries, 9).ids, reference.search(queries, 9).ids
    )


def test_the_last_embedding_of_an_id_counts_also_inside_a_run(tmp_path):
    rows = unit_rows(2, DIM)
    source = ListSource(DIM)
    source.put([5, 5], rows)
    index = FaissIndex.open(tmp_path / "x.faiss", DIM)
    index.catch_up(source)
    found = index.search(rows[1:], 2)
    assert found.ids[0].tolist() == [5, -1]
    assert found.scores[0, 0] == pytest.approx(1, abs=2e-3)


def test_a_file_that_outlived_its_catalogue_is_rebuilt(tmp_path, caplog):
    path = tmp_path / "x.faiss"
    saved(path, source_of(10))
    successor = source_of(4, start=1000)
    index = reopened(path)
    with caplog.at_level(logging.WARNING):
        assert index.catch_up(successor) == 4
    assert "cannot replay" in caplog.text
    assert len(index) == 4


def test_a_file_that_does_not_add_up_is_rebuilt(tmp_path):
    path, source = tmp_path / "x.faiss", source_of(10)
    other = source_of(12)
    saved(path, other)
    source.put([30], unit_rows(1, DIM))  # another history under the same generations
    index = reopened(path)
    index.catch_up(source)
    assert len(index) == 11


def test_everything_removed_leaves_an_empty_index(tmp_path):
    path, source = tmp_path / "x.faiss", source_of(3)
    saved(path, source)
    source.remove([1, 2, 3])
    index = reopened(path)
    assert index.catch_up(source) == 3
    assert index.save()
    assert len(reopened(path)) == 0
    assert reopened(path).search(unit_rows(1, DIM), 1).ids.tolist() == [[-1]]


def damage(path: Path, kind: str) -> None:
    data = path.read_bytes()
    changed = {
        "cut": data[:-100],
        "cut in half": data[: len(data) // 2],
        "empty": b"",
        "foreign": b"something else entirely" * 50,
        "data": data[:40] + bytes(byte ^ 255 for byte in data[40:60]) + data[60:],
        "manifest": data[:-90] + b"?" + data[-89:],
        "longer": data + b"tail",
        "no manifest": data[: data.rindex(b'{"version"')],
    }
    path.write_bytes(changed[kind])


@pytest.mark.parametrize(
    "kind",
    ["cut", "cut in half", "empty", "foreign", "data", "manifest", "longer", "no manifest"],
)
def test_a_damaged_file_is_logged_and_rebuilt(tmp_path, caplog, kind):
    path, source = tmp_path / "x.faiss", source_of(40)
    saved(path, source)
    damage(path, kind)
    with caplog.at_level(logging.WARNING):
        index = reopened(path)
    assert "will be rebuilt" in caplog.text
    assert (len(index), index.generation) == (0, 0)
    assert index.catch_up(source) == 40
    assert index.save()
    assert len(reopened(path)) == 40


def test_damage_between_the_samples_is_seen_on_opening(tmp_path, caplog):
    source = ListSource(512)
    source.put(list(range(3000)), unit_rows(3000, 512))
    path = tmp_path / "x.faiss"
    index = FaissIndex.open(path, 512)
    index.catch_up(source)
    index.save()
    data = bytearray(path.read_bytes())
    data[30_000] ^= 64  # after the first sample, well before the second
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        index = FaissIndex.open(path, 512)
    assert "does not fit its checksum: it will be rebuilt" in caplog.text
    assert len(index) == 0
    assert index.catch_up(source) == 3000
    assert index.save()
    assert FaissIndex.open(path, 512).verify()


def test_a_file_that_is_damaged_while_it_is_mapped_is_not_carried_on(tmp_path, caplog):
    path, source = tmp_path / "x.faiss", source_of(40)
    saved(path, source)
    index = reopened(path)
    with path.open("r+b") as file:
        file.seek(200)
        file.write(b"\xff")
    source.remove([1])
    with caplog.at_level(logging.WARNING):
        index.catch_up(source)
    assert "is rebuilt: its checksum does not fit" in caplog.text
    assert len(index) == 39


def test_another_dimension_or_recipe_is_rebuilt(tmp_path, monkeypatch):
    path = tmp_path / "x.faiss"
    saved(path, source_of(3))
    assert len(FaissIndex.open(path, DIM + 1)) == 0
    monkeypatch.setattr("mmsearch.vectors.recipes.RECIPES", (Recipe("other", "SQfp16", 0),))
    assert len(reopened(path)) == 0


def test_a_newer_file_of_another_process_is_kept(tmp_path):
    path, source = tmp_path / "x.faiss", source_of(3)
    slow = reopened(path)
    slow.catch_up(source)
    source.put([9], unit_rows(1, DIM))
    saved(path, source)
    assert not slow.save()
    assert len(reopened(path)) == 4


def test_an_open_index_survives_the_replacement_of_its_file(tmp_path):
    path, source = tmp_path / "x.faiss", source_of(30)
    saved(path, source)
    reader = reopened(path)
    source.remove(list(range(1, 20)))
    saved(path, source)
    assert len(reader) == 30
    assert reader.verify()
    assert (reader.search(unit_rows(1, DIM), 30).ids >= 1).all()


def test_saving_leaves_no_other_files_and_sweeps_abandoned_ones(tmp_path):
    path = tmp_path / "x.faiss"
    stray, fresh = tmp_path / "x.faiss.old.tmp", tmp_path / "x.faiss.new.tmp"
    for file in (stray, fresh):
        file.touch()
    os.utime(stray, (time.time() - 7200,) * 2)
    saved(path, source_of(3))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.faiss", "x.faiss.new.tmp"]


def test_a_save_that_fails_says_so_and_keeps_the_old_file(tmp_path, monkeypatch):
    path, source = tmp_path / "x.faiss", source_of(3)
    saved(path, source)
    source.put([9], unit_rows(1, DIM))
    index = reopened(path)
    index.catch_up(source)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("mmsearch.vectors.files.os.fsync", full)
        with pytest.raises(VectorIndexError, match="No space left"):
            index.save()
    assert [p.name for p in tmp_path.iterdir()] == ["x.faiss"]
    assert len(reopened(path)) == 3
    assert index.save()


def test_the_manifest_says_what_the_file_holds_and_faiss_alone_can_read_it(tmp_path):
    path, source = tmp_path / "x.faiss", source_of(3)
    saved(path, source)
    manifest = read_manifest(path)
    assert manifest is not None
    assert (manifest.count, manifest.dim, manifest.generation) == (3, DIM, source.generation)
    assert manifest.recipe == recipe_for(3).name
    plain = faiss.read_index(str(path))
    assert faiss.vector_to_array(plain.id_map).tolist() == [1, 2, 3]
    assert read_manifest(tmp_path / "none") is None
    assert replace(manifest, count=3) == manifest


def test_recipes_cover_every_size_and_a_lossy_one_is_refused():
    assert recipe_for(0) is RECIPES[0]
    assert recipe_named(RECIPES[0].name) is RECIPES[0]
    with pytest.raises(VectorIndexError, match="unknown"):
        recipe_named("hnsw")
    with pytest.raises(VectorIndexError, match="keeps no codes"):
        make_index(Recipe("graph", "HNSW16", 0), 8)


def test_each_space_and_modality_has_its_own_file():
    space = make_space()
    paths = {vector_path(Path("ix"), space, modality) for modality in Modality}
    assert len(paths) == 2
    assert Path("ix/vectors") / f"{space.key}-image.faiss" in paths
