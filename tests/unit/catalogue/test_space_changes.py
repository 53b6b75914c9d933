"""One space after another is the default; a space leaves with all that is its own."""

from __future__ import annotations

import numpy as np
import pytest

from mmsearch.catalogue import CaptionEntry, CatalogueBatch
from mmsearch.errors import CatalogueError
from mmsearch.types import Modality
from tests.catalogue_rows import embeddings_of, make_space, new_file
from tests.region_projections import codes_of, random_projection

OLD, NEW = make_space(), make_space("beta")


def put(catalogue, root, space, *names: str) -> None:
    files = tuple(new_file(name, name) for name in names)
    catalogue.apply(CatalogueBatch(root.root_id, files, space=space))


@pytest.fixture
def filled(catalogue, root):
    """Two pictures and a caption in the old space; the new one is known and empty."""
    put(catalogue, root, OLD, "a", "b")
    catalogue.add_captions([CaptionEntry("words")], OLD, embeddings_of(["words"]))
    catalogue.add_space(NEW)
    return catalogue


def complete(catalogue, root) -> None:
    """Give the new space all that the catalogue holds."""
    names = ["a", "b"]
    files = tuple(new_file(name, name) for name in names)
    assert catalogue.put_embeddings(CatalogueBatch(root.root_id, files, space=NEW)) == 2
    [caption] = catalogue.captions_without_embedding(NEW, limit=5)
    ids = np.array([caption.caption_id])
    catalogue.put_caption_embeddings(NEW, ids, embeddings_of(["words"]))


def test_the_space_before_is_remembered_and_nothing_before_that(filled):
    assert filled.previous_space() is None
    filled.set_default_space(NEW.key)
    assert (filled.default_space(), filled.previous_space()) == (NEW, OLD)
    filled.set_default_space(OLD.key)
    assert (filled.default_space(), filled.previous_space()) == (OLD, NEW)


def test_choosing_the_default_again_changes_nothing(filled):
    filled.set_default_space(NEW.key)
    generation = filled.generation
    filled.set_default_space(NEW.key)
    assert (filled.previous_space(), filled.generation) == (OLD, generation)


def test_answers_of_two_defaults_are_of_two_generations(filled):
    before = filled.generation
    filled.set_default_space(NEW.key)
    assert filled.generation > before


def test_only_a_complete_space_becomes_the_default(filled, root):
    assert not filled.set_default_when_complete(NEW, ())
    assert filled.default_space() == OLD
    complete(filled, root)
    assert filled.set_default_when_complete(NEW, ())
    assert (filled.default_space(), filled.previous_space()) == (NEW, OLD)
    assert filled.set_default_when_complete(NEW, ())
    assert filled.previous_space() == OLD


def test_named_pictures_may_be_missing_and_no_others(filled, root):
    complete(filled, root)
    put(filled, root, OLD, "c", "d")
    c, d = (filled.find_content(new_file(name, name).digest) for name in "cd")
    assert not filled.set_default_when_complete(NEW, {c})
    assert filled.set_default_when_complete(NEW, {c, d})


def test_a_caption_may_not_be_missing(filled, root):
    complete(filled, root)
    filled.add_captions([CaptionEntry("more")])
    assert not filled.set_default_when_complete(NEW, ())


def test_pictures_without_a_file_do_not_count(filled, root):
    complete(filled, root)
    put(filled, root, OLD, "c")
    [gone] = [file for file in filled.known_files(root.root_id) if file.relative == b"c"]
    filled.apply(CatalogueBatch(root.root_id, removals=(gone.media_id,)))
    assert filled.set_default_when_complete(NEW, ())


def test_embeddings_of_unknown_bytes_are_passed_over_and_no_file_changes(filled, root):
    before = list(filled.known_files(root.root_id))
    files = (new_file("elsewhere", "a"), new_file("b", "new bytes"))
    assert filled.put_embeddings(CatalogueBatch(root.root_id, files, space=NEW)) == 1
    assert list(filled.known_files(root.root_id)) == before
    assert [record.n_images for record in filled.spaces()] == [2, 1]
    assert filled.counts().contents == 2


def test_pictures_that_are_missing_are_named_those_off_line_on_demand(filled, root):
    assert len(list(filled.contents_without_embedding(NEW))) == 2
    filled.set_online(root.root_id, online=False)
    assert list(filled.contents_without_embedding(NEW)) == []
    assert len(list(filled.contents_without_embedding(NEW, offline=True))) == 2


def test_a_dropped_space_takes_all_that_is_its_own(filled, root):
    complete(filled, root)
    projection, ids = random_projection(), filled.allowed_contents()[:1]
    filled.put_region_codes(NEW, projection, ids, codes_of("a", projection)[None])
    filled.put_region_codes(OLD, projection, ids, codes_of("a", projection)[None])
    filled.set_default_space(NEW.key)
    filled.drop_space(OLD)
    [left] = filled.spaces()
    assert (left.space, left.n_images, left.n_captions, left.n_with_regions) == (NEW, 2, 1, 1)
    assert filled.previous_space() is None
    for table in ("image_embeddings", "caption_embeddings", "region_projections"):
        assert filled._db.number(f"SELECT count(DISTINCT space_id) FROM {table}") == 1  # noqa: S608 - a fixed name
    assert filled._db.number("SELECT count(*) FROM region_features") == 1
    assert (filled.counts().files, filled.counts().captions) == (2, 1)


def test_the_default_is_not_dropped_nor_a_space_that_is_not_here(filled):
    with pytest.raises(CatalogueError, match="questions use model 'alpha'"):
        filled.drop_space(OLD)
    with pytest.raises(CatalogueError, match="gamma is unknown"):
        filled.drop_space(make_space("gamma"))
    assert len(filled.spaces()) == 2


def test_vectors_of_a_space_from_before_it_was_dropped_are_not_believed(filled, root):
    """A picture was removed while it was away: no tombstone tells of that."""
    complete(filled, root)
    before = filled.source(NEW, Modality.IMAGE).generation
    filled.drop_space(NEW)
    latest = filled.generation
    filled.add_space(NEW)
    source = filled.source(NEW, Modality.IMAGE)
    assert source.generation == 0
    put(filled, root, NEW, "c")
    assert not source.can_replay_from(before)
    assert source.can_replay_from(source.generation)
    assert source.can_replay_from(0)
    assert source.can_replay_from(latest)


def test_a_space_that_came_back_is_told_from_one_that_stayed(filled, root):
    complete(filled, root)
    before = filled.added_in(NEW)
    filled.set_default_space(NEW.key)
    filled.set_default_space(OLD.key)
    assert filled.added_in(NEW) == before
    filled.drop_space(NEW)
    assert filled.added_in(NEW) is None
    filled.add_space(NEW)
    assert filled.added_in(NEW) not in (before, None)
