"""A flipped bit in a blob is never handed on; in any other column an index shows it."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest

from mmsearch.catalogue import CaptionEntry, CatalogueBatch
from mmsearch.catalogue.tables import metadata
from mmsearch.errors import CatalogueError
from mmsearch.types import Modality
from tests.catalogue_rows import embeddings_of, make_space, new_file

SPACE = make_space()
BLOBS = {"embedding", "codes", "checksum"}


@pytest.fixture
def filled(catalogue, root):
    """Two pictures and two captions, embedded."""
    files = (new_file("a", "one"), new_file("b", "two"))
    catalogue.apply(CatalogueBatch(root.root_id, files, space=SPACE))
    entries = [CaptionEntry("first"), CaptionEntry("second")]
    catalogue.add_captions(entries, SPACE, embeddings_of(["1", "2"]))
    return catalogue


def flip(catalogue, modality: Modality) -> None:
    """Flip the lowest bit of the second embedding, behind SQLite's back as far as it can tell."""
    table = f"{modality.value}_embeddings"
    blob = catalogue._db.read(f"SELECT embedding FROM {table}")[1][0]  # noqa: S608 - a fixed name
    flipped = bytes([blob[0] ^ 1]) + blob[1:]
    with catalogue._db.write() as connection:
        connection.exec_driver_sql(
            f"UPDATE {table} SET embedding = ? WHERE item_id = 2",  # noqa: S608 - a fixed name
            (flipped,),
        )


@pytest.mark.parametrize("modality", list(Modality))
def test_a_flipped_bit_is_refused_wherever_the_embedding_is_read(filled, modality):
    flip(filled, modality)
    expected = rf"embedding of {modality.value} 2 does not fit its checksum; 'mmsearch repair'"
    two = np.array([1, 2])
    with pytest.raises(CatalogueError, match=expected):
        list(filled.source(SPACE, modality).changes_since(0))
    with pytest.raises(CatalogueError, match=expected):
        filled.embeddings_of(SPACE, modality, two)
    with pytest.raises(CatalogueError, match=expected):
        filled.embedding_of(SPACE, modality, 2)
    assert filled.embedding_of(SPACE, modality, 1) is not None


def test_an_embedding_of_another_length_is_refused(filled):
    with filled._db.write() as connection:
        connection.exec_driver_sql("UPDATE image_embeddings SET embedding = x'0102'")
    with pytest.raises(CatalogueError, match="image 1 has not 32 bytes"):
        list(filled.source(SPACE, Modality.IMAGE).changes_since(0))


def test_every_column_has_a_checksum_or_a_second_copy_in_an_index(filled):
    """An index of SQLite's own, for a key, counts; a rowid is the key of all of them."""
    raw = sqlite3.connect(filled.path)
    for table in metadata.tables:
        columns = {row[1]: row for row in raw.execute(f"PRAGMA table_info({table})")}
        rowids = {name for name, row in columns.items() if row[5] and row[2] == "INTEGER"}
        copied = {
            row[2]
            for index in raw.execute(f"PRAGMA index_list({table})")
            for row in raw.execute(f"PRAGMA index_info({index[1]})")
        }
        assert set(columns) - copied - BLOBS <= rowids, table
    raw.close()


@pytest.mark.parametrize(
    ("column", "value"), [("taken_at", "'not a date'"), ("digest", "'text'"), ("taken_at", "7")]
)
def test_a_row_that_cannot_be_read_is_one_clear_line(filled, column, value):
    with filled._db.write() as connection:
        connection.exec_driver_sql(f"UPDATE contents SET {column} = {value} WHERE content_id = 1")  # noqa: S608 - fixed values
    with pytest.raises(CatalogueError, match="row of file 1 is damaged"):
        filled.media(1)
    assert filled.media(2) is not None
