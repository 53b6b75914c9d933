"""A mapped vector file whose pages are not to be had is refused, and kills nobody."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import numpy as np
import pytest

from mmsearch.vectors import FaissIndex
from mmsearch.vectors.files import load
from mmsearch.vectors.mapped import Visits, require_readable
from tests.vector_sources import ListSource, unit_rows

DIM = 64
COUNT = 500

tells = pytest.mark.skipif(
    sys.platform != "linux"
    or tuple(int(part) for part in platform.release().split(".")[:2]) < (5, 14),
    reason="this system does not tell",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A vector file of many pages."""
    path = tmp_path / "x.faiss"
    index = FaissIndex(path, DIM)
    source = ListSource(DIM)
    source.put(list(range(1, COUNT + 1)), unit_rows(COUNT, DIM))
    index.catch_up(source)
    index.save()
    return path


def test_a_whole_file_passes(file: Path) -> None:
    loaded = load(file, DIM)
    assert loaded is not None
    require_readable(loaded.rows.codes())
    require_readable(loaded.rows.codes()[:0])


@tells
def test_a_file_that_was_cut_short_under_the_map_is_refused(file: Path) -> None:
    loaded = load(file, DIM)
    assert loaded is not None
    os.truncate(file, 4096)
    with pytest.raises(OSError, match=r"(?i)input/output error"):
        require_readable(loaded.rows.codes())


@pytest.mark.skipif(sys.platform != "linux", reason="pages are only given back on Linux")
def test_of_a_large_file_little_stays_mapped_and_nothing_is_lost(file, monkeypatch):
    monkeypatch.setattr("mmsearch.vectors.mapped.MOST_MAPPED", 4096)
    monkeypatch.setattr("mmsearch.vectors.mapped._A_TOUCH", 64)
    loaded = load(file, DIM)
    assert loaded is not None
    codes = loaded.rows.codes()
    before = codes.copy()
    assert resident_kb(file) * 1024 >= codes.nbytes
    assert loaded.rows.mapped
    visits = Visits(codes, mapped=True)
    visits.add(64)
    assert resident_kb(file) * 1024 >= codes.nbytes
    visits.add(1)
    assert resident_kb(file) <= 16
    np.testing.assert_array_equal(codes, before)


def resident_kb(file: Path) -> int:
    """How much of a mapped file this process has in its memory."""
    total, ours = 0, False
    for line in Path("/proc/self/smaps").read_text("utf-8").splitlines():
        if "-" in line.split(" ", 1)[0]:
            ours = line.endswith(str(file))
        elif ours and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total
