"""Repair: what is damaged is dropped or rebuilt, and the next run makes the rest anew."""

from __future__ import annotations

import numpy as np
import pytest

from mmsearch.engine.library import Library
from mmsearch.errors import CatalogueError
from mmsearch.types import Modality
from mmsearch.vectors import vector_path
from mmsearch.vectors.files import Content, load, save
from tests.fakes import fake_space
from tests.integration.engine.upkeep.damage import change

SPACE = fake_space()


def answers(library: Library) -> list[tuple[str, float]]:
    return [(hit.media.path.name, hit.score) for hit in library.query("red", k=9, rerank=0)]


def test_a_sound_index_needs_no_repair(index: Library) -> None:
    before = answers(index)
    report = index.repair()
    assert (report.mended, report.rebuilt, report.needs_index) == ((), (), False)
    assert answers(index) == before


def test_damaged_embeddings_are_dropped_and_made_anew(index: Library) -> None:
    before = answers(index)
    [root] = index.status().roots
    change(index, "UPDATE image_embeddings SET embedding = zeroblob(32) WHERE item_id = 1")
    change(index, "UPDATE caption_embeddings SET checksum = 7 WHERE item_id = 2")
    report = index.repair()
    assert (report.n_embeddings, report.n_regions, report.needs_index) == (2, 0, True)
    assert len(report.mended) == 2
    assert len(answers(index)) == len(before) - 1  # this very library follows
    picture, caption = index.verify().findings
    assert picture.where.endswith("0.png")
    assert caption.where == "caption 2"
    summary = index.index(root.path)
    assert (summary.unchanged, summary.added, summary.updated) == (5, 0, 1)
    assert index.verify().sound
    assert answers(index) == before
    assert len(index.query_captions("blue", k=9, rerank=0)) == 2


def test_damage_may_strike_the_same_picture_again(index: Library) -> None:
    """Its id then has two tombstones and an embedding that is younger than both."""
    before = answers(index)
    [root] = index.status().roots
    for _ in range(2):
        change(index, "UPDATE image_embeddings SET embedding = zeroblob(32) WHERE item_id = 1")
        index.repair()
        index.index(root.path)
    assert answers(index) == before
    assert index.verify().sound


def test_damaged_regions_are_dropped_and_made_anew(index: Library) -> None:
    [root] = index.status().roots
    change(index, "UPDATE region_features SET codes = zeroblob(12) WHERE content_id = 4")
    with pytest.raises(CatalogueError, match="region features of picture 4"):
        index.query("red", k=9, rerank=6)
    report = index.repair()
    assert (report.n_embeddings, report.n_regions) == (0, 1)
    index.index(root.path)
    assert index.verify().sound
    assert len(index.query("red", k=9, rerank=6)) == 6


def test_vector_files_are_rebuilt_from_the_catalogue(index: Library) -> None:
    before = answers(index)
    index.close()
    images = vector_path(index.settings.index_dir, SPACE, Modality.IMAGE)
    captions = vector_path(index.settings.index_dir, SPACE, Modality.CAPTION)
    loaded = load(images, SPACE.dim)
    save(images, Content(loaded.rows.subset(np.array([1, 2])), loaded.manifest.generation))
    captions.write_bytes(captions.read_bytes()[:50])
    report = index.repair()
    assert set(report.rebuilt) == {images, captions}
    assert (report.n_embeddings, report.needs_index) == (0, False)
    assert index.verify().sound
    assert answers(index) == before


@pytest.mark.parametrize("place", [0, 60, 120, -60, -9, -1])
def test_a_question_itself_replaces_a_damaged_vector_file(index: Library, place: int) -> None:
    before = answers(index)
    index.close()
    path = vector_path(index.settings.index_dir, SPACE, Modality.IMAGE)
    sound = path.read_bytes()
    damaged = bytearray(sound)
    damaged[place] ^= 8
    path.write_bytes(damaged)
    assert answers(index) == before
    assert load(path, SPACE.dim) is not None
    assert index.verify().sound


def test_vectors_are_not_rebuilt_from_a_damaged_embedding(index: Library) -> None:
    index.close()
    path = vector_path(index.settings.index_dir, SPACE, Modality.IMAGE)
    path.unlink()
    change(index, "UPDATE image_embeddings SET embedding = zeroblob(32) WHERE item_id = 1")
    with pytest.raises(CatalogueError, match=r"embedding of image 1 .*mmsearch repair"):
        index.query("red")
    assert not path.exists()
    index.repair()
    assert len(answers(index)) == 5


def test_a_catalogue_that_sqlite_finds_damaged_is_left_alone(index: Library) -> None:
    index.close()
    path = index.settings.index_dir / "catalogue.sqlite3"
    name = SPACE.name.encode()
    data = path.read_bytes()
    path.write_bytes(data.replace(name, b"f4ke", 1))
    damaged = path.read_bytes()
    with pytest.raises(CatalogueError, match=r"cannot be repaired: restore a backup"):
        index.repair()
    index.close()
    assert path.read_bytes() == damaged
