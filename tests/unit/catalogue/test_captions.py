"""Captions are kept once, embedded at once or later, and leave with their file."""

from __future__ import annotations

import numpy as np
import pytest

from mmsearch.catalogue import CaptionEntry, CatalogueBatch
from mmsearch.errors import CatalogueError
from mmsearch.types import Filters, Modality
from tests.catalogue_rows import embeddings_of, make_space, new_file

SPACE = make_space()


def add_file(catalogue, root, name: str) -> int:
    catalogue.apply(CatalogueBatch(root.root_id, (new_file(name, name),), space=SPACE))
    return max(file.media_id for file in catalogue.known_files(root.root_id))


def test_a_text_is_kept_once_for_a_file_and_once_as_free(catalogue, root):
    media_id = add_file(catalogue, root, "a")
    entries = [CaptionEntry("dog", media_id), CaptionEntry("dog"), CaptionEntry("dog", media_id)]
    first = catalogue.add_captions(entries)
    assert first.added == 2
    assert first.ids[0] == first.ids[2] != first.ids[1]
    again = catalogue.add_captions(entries)
    assert again.added == 0
    np.testing.assert_array_equal(again.ids, first.ids)


def test_captions_are_embedded_later_until_none_is_left(catalogue):
    added = catalogue.add_captions([CaptionEntry("one"), CaptionEntry("two")])
    pending = catalogue.captions_without_embedding(SPACE)
    assert [record.text for record in pending] == ["one", "two"]
    ids = np.append(added.ids, 999)  # 999 was dropped meanwhile
    assert catalogue.put_caption_embeddings(SPACE, ids, embeddings_of(["1", "2", "3"])) == 2
    assert catalogue.captions_without_embedding(SPACE) == []
    assert catalogue.put_caption_embeddings(SPACE, added.ids, embeddings_of(["1", "2"])) == 0


def test_captions_come_back_with_their_file(catalogue, root):
    media_id = add_file(catalogue, root, "a")
    added = catalogue.add_captions(
        [CaptionEntry("of a file", media_id), CaptionEntry("free")],
        SPACE,
        embeddings_of(["1", "2"]),
    )
    records = catalogue.captions_for(np.append(added.ids, 12345))
    owned, free = (records[int(i)] for i in added.ids)
    assert owned.media is not None
    assert owned.media.media_id == media_id
    assert free.media is None
    assert len(records) == 2
    assert catalogue.allowed_captions().tolist() == added.ids.tolist()
    assert catalogue.allowed_captions(Filters(under=owned.media.path)).tolist() == [
        owned.caption_id
    ]


def test_captions_leave_with_their_file_and_leave_tombstones(catalogue, root):
    media_id = add_file(catalogue, root, "a")
    entries = [CaptionEntry("one", media_id), CaptionEntry("free")]
    added = catalogue.add_captions(entries, SPACE, embeddings_of(["1", "2"]))
    source = catalogue.source(SPACE, Modality.CAPTION)
    covered = source.generation
    catalogue.apply(CatalogueBatch(root.root_id, removals=(media_id,)))
    removed = [i for run in source.changes_since(covered) for i in run.removed.tolist()]
    assert removed == [int(added.ids[0])]
    assert source.count() == 1


def test_a_caption_of_an_unknown_file_is_refused(catalogue):
    with pytest.raises(CatalogueError, match="FOREIGN KEY"):
        catalogue.add_captions([CaptionEntry("dog", 404)])


def test_no_captions_are_no_work(catalogue):
    assert catalogue.add_captions([]).added == 0
