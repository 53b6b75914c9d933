"""Roots cover their folders, never lie inside one another, and may be offline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmsearch.catalogue import CatalogueBatch, FailureEntry
from mmsearch.errors import CatalogueError
from mmsearch.types import Filters
from tests.catalogue_rows import make_space, new_file


def test_a_folder_inside_a_root_is_covered_by_it(catalogue, root):
    assert catalogue.add_root(Path("/photos/2024")) == root
    assert catalogue.cover_root(Path("/photos/2024/x.jpg")) == root
    assert catalogue.cover_root(Path("/photos2")) is None
    assert catalogue.add_root(Path("/photos2")).root_id != root.root_id


def test_a_root_around_others_absorbs_them_with_their_media_ids(catalogue, root):
    catalogue.apply(
        CatalogueBatch(
            root.root_id,
            (new_file("a.jpg", "one"),),
            failures=(FailureEntry(b"bad", 1, 2, "reason"),),
            space=make_space(),
        )
    )
    before = next(catalogue.known_files(root.root_id))
    outer = catalogue.add_root(Path("/"))
    assert [r.path for r in catalogue.roots()] == [Path("/")]
    after = next(catalogue.known_files(outer.root_id))
    assert after == before._replace(relative=b"photos/a.jpg")
    assert catalogue.failures()[0].path == Path("/photos/bad")
    assert catalogue.media_at(Path("/photos/a.jpg")).media_id == before.media_id


def test_a_root_that_is_offline_keeps_its_rows(catalogue, root):
    catalogue.apply(CatalogueBatch(root.root_id, (new_file("a", "one"),), space=make_space()))
    catalogue.set_online(root.root_id, False)
    assert not catalogue.roots()[0].online
    assert not catalogue.media_at(Path("/photos/a")).online
    catalogue.set_online(root.root_id, True)
    assert catalogue.roots()[0].online


def test_relative_paths_are_refused(catalogue):
    with pytest.raises(CatalogueError, match="relative"):
        catalogue.add_root(Path("photos"))


def test_filters_by_folder_reach_across_roots(catalogue):
    space = make_space()
    for place in ("/data/a", "/data/b", "/other"):
        root = catalogue.add_root(Path(place))
        catalogue.apply(CatalogueBatch(root.root_id, (new_file("x/1", place),), space=space))
    assert len(catalogue.allowed_contents(Filters(under=Path("/data")))) == 2
    assert len(catalogue.allowed_contents(Filters(under=Path("/data/a")))) == 1
    assert len(catalogue.allowed_contents(Filters(under=Path("/data/a/x")))) == 1
    assert len(catalogue.allowed_contents(Filters(under=Path("/data/a/x/1")))) == 1
    assert len(catalogue.allowed_contents(Filters(under=Path("/nowhere")))) == 0
    everything = catalogue.allowed_contents()
    assert everything.dtype == np.int64
    assert everything.tolist() == sorted(everything.tolist())
    assert len(everything) == 3


def test_of_identical_files_the_one_on_line_and_inside_the_filter_is_shown(catalogue):
    space = make_space()
    first, second = (catalogue.add_root(Path(place)) for place in ("/a", "/b"))
    for root in (first, second):
        catalogue.apply(CatalogueBatch(root.root_id, (new_file("1", "same"),), space=space))
    ids = catalogue.allowed_contents()
    (content,) = ids.tolist()
    assert catalogue.media_for_contents(ids)[content].path == Path("/a/1")
    assert catalogue.media_for_contents(ids, Filters(under=Path("/b")))[content].path == Path(
        "/b/1"
    )
    assert catalogue.media_for_contents(ids, Filters(under=Path("/c"))) == {}
    catalogue.set_online(first.root_id, False)
    assert catalogue.media_for_contents(ids)[content].path == Path("/b/1")
