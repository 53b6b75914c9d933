"""Spaces are kept whole, one is the default, and sources replay what was written."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmsearch.catalogue import CatalogueBatch
from mmsearch.catalogue.removal import forget_tombstones
from mmsearch.errors import CatalogueError
from mmsearch.types import InputSpec, Modality, ResizeMode
from tests.catalogue_rows import embeddings_of, make_space, new_file

SPACE = make_space()


def put(catalogue, root, *names: str) -> None:
    files = tuple(new_file(name, name) for name in names)
    catalogue.apply(CatalogueBatch(root.root_id, files, space=SPACE))


def replayed(source, generation: int = 0) -> dict[int, tuple[float, ...]]:
    held: dict[int, tuple[float, ...]] = {}
    for run in source.changes_since(generation):
        for item in run.removed.tolist():
            held.pop(item, None)
        held.update(zip(run.ids.tolist(), map(tuple, run.embeddings.tolist()), strict=True))
    return held


def test_a_space_comes_back_as_it_was(catalogue):
    spec = InputSpec(224, 192, ResizeMode.PAD, "bilinear", (1, 2, 3))
    space = replace(make_space("beta"), input=spec)
    assert catalogue.add_space(space).space == space
    assert [record.space for record in catalogue.spaces()] == [SPACE, space]


def test_the_first_space_is_the_default_until_another_is_chosen(catalogue):
    other = make_space("beta")
    catalogue.add_space(other)
    assert catalogue.default_space() == SPACE
    catalogue.set_default_space(other.key)
    assert catalogue.default_space() == other
    assert [record.is_default for record in catalogue.spaces()] == [False, True]
    with pytest.raises(CatalogueError, match="has no space"):
        catalogue.set_default_space("0123")


def test_an_unknown_space_is_refused(catalogue):
    with pytest.raises(CatalogueError, match="index with that model"):
        catalogue.source(make_space("gamma"), Modality.IMAGE)


def test_embeddings_come_in_the_order_asked_for(catalogue, root):
    put(catalogue, root, "a", "b")
    ids = catalogue.allowed_contents()[::-1]
    rows = catalogue.embeddings_of(SPACE, Modality.IMAGE, ids)
    np.testing.assert_allclose(rows, embeddings_of(["b", "a"]), atol=1e-3)
    with pytest.raises(CatalogueError, match="has no embedding"):
        catalogue.embeddings_of(SPACE, Modality.IMAGE, np.array([99]))
    assert catalogue.embedding_of(SPACE, Modality.IMAGE, 99) is None


def test_an_empty_source_is_at_generation_zero(catalogue):
    source = catalogue.source(SPACE, Modality.IMAGE)
    assert (source.generation, source.count()) == (0, 0)
    assert list(source.changes_since(0)) == []


def test_runs_are_bounded_and_claim_only_whole_generations(catalogue, root, monkeypatch):
    monkeypatch.setattr("mmsearch.catalogue.source.RUN_LENGTH", 2)
    put(catalogue, root, "a", "b", "c")
    put(catalogue, root, "d")
    source = catalogue.source(SPACE, Modality.IMAGE)
    runs = list(source.changes_since(0))
    assert [len(run.ids) for run in runs] == [2, 2, 0]
    assert runs[-1].generation == source.generation
    for stop in range(len(runs)):  # broken off after any run, a replay from its claim is whole
        held = {i for run in runs[: stop + 1] for i in run.ids.tolist()}
        held |= set(replayed(source, runs[stop].generation))
        assert held == set(replayed(source))


def test_a_replay_from_any_generation_misses_nothing(catalogue, root):
    put(catalogue, root, "a", "b")
    source = catalogue.source(SPACE, Modality.IMAGE)
    covered, held = source.generation, set(replayed(source))
    put(catalogue, root, "c")
    first = next(catalogue.known_files(root.root_id))
    catalogue.apply(CatalogueBatch(root.root_id, removals=(first.media_id,)))
    catalogue.remove_orphans()
    for run in source.changes_since(covered):
        held = (held - set(run.removed.tolist())) | set(run.ids.tolist())
    assert held == set(replayed(source))
    assert source.count() == len(held) == 2


def test_generations_never_had_cannot_be_replayed(catalogue, root):
    put(catalogue, root, "a")
    source = catalogue.source(SPACE, Modality.IMAGE)
    assert source.can_replay_from(0)
    assert source.can_replay_from(source.generation)
    assert not source.can_replay_from(1)  # of a catalogue that was here before
    assert not source.can_replay_from(catalogue.generation + 1)  # of a newer copy


def test_tombstones_are_bounded(catalogue, root):
    put(catalogue, root, "a", "b", "c", "d")
    source = catalogue.source(SPACE, Modality.IMAGE)
    covered = source.generation
    for file in list(catalogue.known_files(root.root_id)):
        catalogue.apply(CatalogueBatch(root.root_id, removals=(file.media_id,)))
        catalogue.remove_orphans()
    newest = source.generation
    with catalogue._db.write() as connection:
        forget_tombstones(connection, 4)
    assert source.can_replay_from(covered)
    with catalogue._db.write() as connection:
        forget_tombstones(connection, 3)
    assert not source.can_replay_from(covered)
    assert source.can_replay_from(newest)
    assert replayed(source) == {}
