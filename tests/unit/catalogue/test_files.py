"""Batches of files: added, changed, touched, moved, duplicated, removed, failed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmsearch.catalogue import (
    CaptionEntry,
    Catalogue,
    CatalogueBatch,
    FailureEntry,
    FileEntry,
    RootRecord,
)
from mmsearch.errors import CatalogueError
from mmsearch.types import Modality
from tests.catalogue_rows import digest_of, embedding_of, known_file, make_space, new_file

SPACE = make_space()


def apply_files(catalogue: Catalogue, root: RootRecord, *files: FileEntry):
    return catalogue.apply(CatalogueBatch(root.root_id, files, space=SPACE))


def paths(catalogue: Catalogue, root: RootRecord) -> dict[bytes, int]:
    return {file.relative: file.media_id for file in catalogue.known_files(root.root_id)}


def test_a_new_file_is_stored_with_its_embedding(catalogue, root):
    result = apply_files(catalogue, root, new_file("a/1.jpg", "one"))
    assert (result.added, result.updated, result.moved) == (1, 0, 0)
    media = catalogue.media_at(Path("/photos/a/1.jpg"))
    assert media is not None
    assert media.digest == digest_of("one")
    assert (media.metadata.width, media.metadata.height) == (640, 480)
    stored = catalogue.embedding_of(SPACE, Modality.IMAGE, media.content_id)
    np.testing.assert_allclose(stored, embedding_of("one"), atol=1e-3)
    assert abs(float(np.linalg.norm(stored)) - 1) < 1e-6


def test_the_same_file_again_is_touched_not_doubled(catalogue, root):
    apply_files(catalogue, root, new_file("1.jpg", "one"))
    result = apply_files(catalogue, root, known_file("1.jpg", "one"))
    assert (result.added, result.touched) == (0, 1)
    (file,) = catalogue.known_files(root.root_id)
    assert file.mtime_ns == 2_000_000


def test_changed_bytes_keep_the_media_id(catalogue, root):
    apply_files(catalogue, root, new_file("1.jpg", "one"))
    before = paths(catalogue, root)
    assert apply_files(catalogue, root, new_file("1.jpg", "two")).updated == 1
    assert paths(catalogue, root) == before
    assert catalogue.remove_orphans() == 1
    assert catalogue.find_content(digest_of("one")) is None


def test_identical_files_share_one_embedding(catalogue, root):
    apply_files(catalogue, root, new_file("1.jpg", "one"), known_file("2.jpg", "one"))
    content = catalogue.find_content(digest_of("one"))
    assert content is not None
    assert len(catalogue.media_ids_of_content(content)) == 2
    assert catalogue.source(SPACE, Modality.IMAGE).count() == 1


def test_unknown_bytes_without_metadata_are_reported_missing(catalogue, root):
    result = apply_files(catalogue, root, known_file("1.jpg", "never seen"))
    assert result.missing == (b"1.jpg",)
    assert result.added == 0
    assert paths(catalogue, root) == {}


def test_a_moved_file_keeps_media_id_and_captions(catalogue, root):
    apply_files(catalogue, root, new_file("old.jpg", "one"))
    media_id = paths(catalogue, root)[b"old.jpg"]
    catalogue.add_captions([CaptionEntry("a dog", media_id)])
    result = apply_files(catalogue, root, known_file("new/name.jpg", "one", moved_from=media_id))
    assert (result.moved, result.added) == (1, 0)
    assert paths(catalogue, root) == {b"new/name.jpg": media_id}
    assert [c.text for c in catalogue.captions_of_media([media_id])] == ["a dog"]


def test_files_that_swap_names_swap_rows(catalogue, root):
    apply_files(catalogue, root, new_file("a", "one"), new_file("b", "two"))
    before = paths(catalogue, root)
    apply_files(
        catalogue,
        root,
        known_file("b", "one", moved_from=before[b"a"]),
        known_file("a", "two", moved_from=before[b"b"]),
    )
    assert paths(catalogue, root) == {b"a": before[b"b"], b"b": before[b"a"]}


def test_a_move_onto_another_file_replaces_it(catalogue, root):
    apply_files(catalogue, root, new_file("a", "one"), new_file("b", "two"))
    before = paths(catalogue, root)
    apply_files(catalogue, root, known_file("b", "one", moved_from=before[b"a"]))
    assert paths(catalogue, root) == {b"b": before[b"a"]}


def test_a_move_of_a_row_that_is_gone_adds_the_file(catalogue, root):
    apply_files(catalogue, root, new_file("a", "one"))
    result = apply_files(catalogue, root, known_file("b", "one", moved_from=999))
    assert (result.moved, result.added) == (0, 1)


def test_a_file_moves_to_another_root(catalogue, root):
    other = catalogue.add_root(Path("/backup"))
    apply_files(catalogue, root, new_file("a", "one"))
    media_id = paths(catalogue, root)[b"a"]
    apply_files(catalogue, other, known_file("a", "one", moved_from=media_id))
    assert paths(catalogue, root) == {}
    assert paths(catalogue, other) == {b"a": media_id}


def test_removal_leaves_contents_until_orphans_are_dropped(catalogue, root):
    apply_files(catalogue, root, new_file("a", "one"))
    media_id = paths(catalogue, root)[b"a"]
    result = catalogue.apply(CatalogueBatch(root.root_id, removals=(media_id,)))
    assert result.removed == 1
    assert catalogue.find_content(digest_of("one")) is not None
    assert catalogue.remove_orphans() == 1
    assert catalogue.remove_orphans() == 0
    assert catalogue.counts().contents == 0


@pytest.mark.parametrize(
    "name", [b"caf\xe9.jpg", b"two\nlines.jpg", b"\xff" * 200, "日本.jpg".encode()]
)
def test_odd_names_survive(catalogue, root, name):
    apply_files(catalogue, root, replace(new_file("x", "one"), relative=name))
    (file,) = catalogue.known_files(root.root_id)
    assert file.relative == name
    record = catalogue.media_for_contents(np.array([file.content_id]))[file.content_id]
    assert bytes(record.path) == b"/photos/" + name
    assert catalogue.media_at(record.path) == record


def test_known_files_below_a_folder_exclude_its_namesakes(catalogue, root):
    names = ["a/1", "a/b/2", "a.jpg", "a0", "b/1"]
    apply_files(catalogue, root, *(new_file(name, name) for name in names))
    found = [file.relative for file in catalogue.known_files(root.root_id, b"a")]
    assert found == [b"a/1", b"a/b/2"]


def test_known_files_are_paged_without_loss(catalogue, root, monkeypatch):
    monkeypatch.setattr("mmsearch.catalogue.files.PAGE_LENGTH", 3)
    names = [f"{number:02}" for number in range(10)]
    apply_files(catalogue, root, *(new_file(name, name) for name in names))
    assert [f.relative.decode() for f in catalogue.known_files(root.root_id)] == names


def test_a_failure_is_recorded_and_forgotten_by_success(catalogue, root):
    failure = FailureEntry(b"bad.jpg", 5, 7, "truncated")
    result = catalogue.apply(CatalogueBatch(root.root_id, failures=(failure,)))
    assert result.failed == 1
    (recorded,) = catalogue.failures()
    assert (recorded.path, recorded.reason) == (Path("/photos/bad.jpg"), "truncated")
    assert recorded.failed_at.tzinfo is not None
    assert catalogue.failure_at(Path("/photos/bad.jpg")) == recorded
    assert list(catalogue.known_failures(root.root_id)) == [(b"bad.jpg", 5, 7, "truncated")]
    apply_files(catalogue, root, new_file("bad.jpg", "good now"))
    assert catalogue.failures() == []


def test_failures_of_vanished_files_are_forgotten(catalogue, root):
    failure = FailureEntry(b"bad.jpg", 5, 7, "truncated")
    catalogue.apply(CatalogueBatch(root.root_id, failures=(failure, failure)))
    catalogue.apply(CatalogueBatch(root.root_id, resolved=(b"bad.jpg",)))
    assert catalogue.failures() == []


@pytest.mark.parametrize(
    "embedding",
    [np.zeros(16, np.float32), np.full(16, np.nan, np.float32), np.ones(3, np.float32)],
    ids=["zero", "nan", "wrong dimension"],
)
def test_a_bad_embedding_is_refused_with_its_whole_batch(catalogue, root, embedding):
    bad = replace(new_file("bad", "bad"), embedding=embedding)
    with pytest.raises(CatalogueError):
        apply_files(catalogue, root, replace(new_file("x", "x"), embedding=None), bad)
    assert catalogue.counts().files == 0
    assert catalogue.counts().contents == 0


def test_embeddings_without_a_space_are_refused(catalogue, root):
    with pytest.raises(CatalogueError, match="name their space"):
        catalogue.apply(CatalogueBatch(root.root_id, (new_file("a", "one"),)))


def test_an_unknown_root_is_refused(catalogue):
    with pytest.raises(CatalogueError, match=r"FOREIGN KEY.*run the command again"):
        catalogue.apply(CatalogueBatch(77, (new_file("a", "one"),), space=SPACE))


def test_known_sizes_are_those_of_all_files(catalogue, root):
    apply_files(catalogue, root, new_file("a", "one"), new_file("b", "three"))
    assert catalogue.known_sizes() == {3, 5}


def test_remove_path_takes_a_folder_and_its_failures(catalogue, root):
    apply_files(catalogue, root, *(new_file(n, n) for n in ("a/1", "a/2", "ab", "b")))
    bad = FailureEntry(b"a/bad", 1, 1, "reason")
    catalogue.apply(CatalogueBatch(root.root_id, failures=(bad,)))
    assert catalogue.remove_path(Path("/photos/a")) == 2
    assert set(paths(catalogue, root)) == {b"ab", b"b"}
    assert catalogue.failures() == []
    assert catalogue.counts().contents == 2
    assert catalogue.remove_path(Path("/photos/ab")) == 1
    assert catalogue.remove_path(Path("/elsewhere")) == 0
    assert catalogue.remove_path(Path("/photos")) == 1
    assert catalogue.roots() == []


def test_pending_contents_are_those_without_embedding_in_a_space(catalogue, root):
    other = make_space("beta")
    apply_files(catalogue, root, new_file("a", "one"), new_file("b", "two"))
    catalogue.add_space(other)
    assert list(catalogue.contents_without_embedding(SPACE)) == []
    pending = list(catalogue.contents_without_embedding(other))
    assert [p.path for p in pending] == [Path("/photos/a"), Path("/photos/b")]
    first = pending[0]
    entry = FileEntry(
        first.relative, first.size_bytes, first.mtime_ns, first.digest, None, embedding_of("one")
    )
    catalogue.apply(CatalogueBatch(first.root_id, (entry,), space=other))
    assert catalogue.has_embedding(other, first.content_id)
    assert [p.digest for p in catalogue.contents_without_embedding(other)] == [digest_of("two")]
    catalogue.set_online(root.root_id, False)
    assert list(catalogue.contents_without_embedding(other)) == []
