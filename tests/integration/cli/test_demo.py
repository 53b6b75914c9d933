from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from mmsearch.cli.demo import PHOTOGRAPHS, QUESTIONS, copy_photographs
from tests.integration.cli.command import Mmsearch

skimage = pytest.importorskip("skimage", reason="the demo's photographs come with scikit-image")


def test_the_photographs_are_copied_byte_for_byte_under_their_names(tmp_path: Path) -> None:
    assert copy_photographs(tmp_path) == len(PHOTOGRAPHS)
    source = Path(skimage.__file__).parent / "data"
    for name in PHOTOGRAPHS:
        assert (tmp_path / name).read_bytes() == (source / name).read_bytes()
        with Image.open(tmp_path / name) as picture:
            assert min(picture.size) > 100


def test_an_own_file_of_the_same_name_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / PHOTOGRAPHS[0]).write_bytes(b"mine")
    copy_photographs(tmp_path)
    assert (tmp_path / PHOTOGRAPHS[0]).read_bytes() == b"mine"


def test_the_demo_indexes_and_answers_in_an_index_of_its_own(mmsearch: Mmsearch) -> None:
    done = mmsearch.run("demo")
    assert done.code == 0, done.notes
    rows = done.text.splitlines()
    assert len(rows) == 3 * len(QUESTIONS)
    assert all(str(mmsearch.folder / "mmsearch-demo") in row for row in rows)
    assert all(f'query "{question}" -k 3' in done.notes for question in QUESTIONS)
    [status] = mmsearch.run("--index", "demo", "status", "--json").objects()
    assert status["files"] == len(PHOTOGRAPHS)
    assert mmsearch.run("status").code == 1


def test_on_a_terminal_the_demo_shows_pictures(mmsearch: Mmsearch) -> None:
    done = mmsearch.run_on_terminal("demo", "photos")
    assert done.code == 0, done.text
    assert "▀".encode() in done.out
