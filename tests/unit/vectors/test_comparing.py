"""Comparing a vector file with its source: ids and codes, missing, extra, different."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmsearch.errors import VectorIndexError
from mmsearch.vectors import Comparison, FaissIndex, compare
from mmsearch.vectors.files import Content, save
from mmsearch.vectors.recipes import recipe_for
from mmsearch.vectors.rows import Rows
from tests.vector_sources import ListSource, unit_rows

DIM = 24
ROWS = unit_rows(40, DIM)


@pytest.fixture
def source() -> ListSource:
    source = ListSource(DIM)
    source.put(list(range(1, 41)), ROWS)
    return source


def write(path: Path, source: ListSource, ids: list[int], rows) -> Path:
    """A sound file of the source's generation that holds just these rows."""
    held = Rows.empty(recipe_for(0), DIM)
    held.append(np.array(ids, np.int64), np.asarray(rows, np.float32))
    save(path, Content(held, source.generation))
    return path


def test_no_file_and_a_file_too_old_to_replay_are_nothing_to_compare(tmp_path, source):
    path = tmp_path / "x.faiss"
    assert compare(path, source) is None
    write(path, source, [1], ROWS[:1])
    source.floor = source.generation + 1
    assert compare(path, source) is None


def test_a_file_in_another_order_is_equal(tmp_path, source):
    path = write(tmp_path / "x.faiss", source, list(range(40, 0, -1)), ROWS[::-1])
    found = compare(path, source)
    assert found == Comparison(40, 0, 0, 0)
    assert found.equal


def test_an_older_file_is_brought_level_first_and_left_as_it_is(tmp_path, source):
    path = tmp_path / "x.faiss"
    index = FaissIndex.open(path, DIM)
    index.catch_up(source)
    index.save()
    before = path.read_bytes()
    source.put([99], unit_rows(1, DIM, 5))
    source.remove([3])
    assert compare(path, source) == Comparison(40, 0, 0, 0)
    assert path.read_bytes() == before


def test_rows_that_are_missing_extra_or_different_are_counted(tmp_path, source):
    rows = np.concatenate([ROWS[2:], unit_rows(3, DIM, 9)])
    rows[5] = -rows[5]
    path = write(tmp_path / "x.faiss", source, [*range(3, 41), 70, 71, 72], rows)
    found = compare(path, source)
    assert found == Comparison(41, 2, 3, 1)
    assert not found.equal


def test_a_code_that_was_rounded_the_other_way_is_no_difference(tmp_path, source):
    rows = ROWS.copy()
    rows[7] = np.nextafter(rows[7].astype(np.float16), np.float16(2)).astype(np.float32)
    path = write(tmp_path / "x.faiss", source, list(range(1, 41)), rows)
    assert compare(path, source) == Comparison(40, 0, 0, 0)


def test_an_empty_file_lacks_all(tmp_path, source):
    path = write(tmp_path / "x.faiss", source, [], np.empty((0, DIM)))
    assert compare(path, source) == Comparison(0, 40, 0, 0)


def test_a_damaged_file_is_an_error(tmp_path, source):
    path = write(tmp_path / "x.faiss", source, list(range(1, 41)), ROWS)
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    with pytest.raises(VectorIndexError, match="damaged"):
        compare(path, source)
