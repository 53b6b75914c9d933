"""`backup` and `restore`: what they say, and what they ask."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.integration.cli.command import Mmsearch
from tests.integration.cli.conftest import COLOURS, World, make_picture

N_PICTURES = len(COLOURS) + 1


def test_a_backup_is_told_in_words_and_in_json(shared_world: World, tmp_path: Path) -> None:
    done = shared_world.mmsearch.run("backup", tmp_path / "a")
    assert (done.code, done.text) == (0, "")
    assert done.notes.startswith("backed up index 'default' with 9 pictures and 8 captions (")
    assert shared_world.mmsearch.run("-q", "backup", tmp_path / "b").notes == ""
    [shape] = shared_world.mmsearch.run("backup", tmp_path / "c", "--json").objects()
    assert (shape["index"], shape["files"], shape["captions"]) == ("default", N_PICTURES, 8)
    assert shape["folder"] == str(tmp_path / "c")
    done = shared_world.mmsearch.run("backup", tmp_path / "c")
    assert done.code == 1
    assert done.notes.endswith("is not empty: name a new folder, or remove what is in it\n")


def test_an_index_comes_back_and_can_be_undone(world: World, tmp_path: Path) -> None:
    before = world.mmsearch.run("query", "red", "--json").text
    assert world.mmsearch.run("backup", "backup").code == 0
    (tmp_path / "more").mkdir()
    make_picture(tmp_path / "more" / "new.png", "red", 4)
    assert world.mmsearch.run("index", "more").code == 0
    after = world.mmsearch.run("query", "red", "--json").text
    assert after != before
    [report] = world.mmsearch.run("restore", "backup", "--yes", "--json").objects()
    assert world.mmsearch.run("query", "red", "--json").text == before
    done = world.mmsearch.run("restore", str(report["kept"]), "--yes")
    assert done.code == 0
    assert done.notes.startswith("restored index 'default' with 10 pictures and 8 captions (")
    assert "what was there before is in" in done.notes
    assert world.mmsearch.run("query", "red", "--json").text == after


def test_without_a_terminal_a_present_index_is_replaced_with_yes_only(world: World) -> None:
    assert world.mmsearch.run("backup", "backup").code == 0
    done = world.mmsearch.run("restore", "backup")
    assert done.code == 2
    assert "there is an index already: --yes replaces it" in done.notes
    done = world.mmsearch.run("--index", "other", "restore", "backup")
    assert done.code == 0
    assert "what was there before" not in done.notes


@pytest.mark.parametrize("command", [("backup", "b"), ("restore", "b")])
def test_without_an_index_or_a_backup_it_is_one_line(
    mmsearch: Mmsearch, command: tuple[str, ...]
) -> None:
    done = mmsearch.run(*command)
    assert (done.code, done.text) == (1, "")
    assert done.notes.count("\n") == 1
    assert "mmsearch index PATH" in done.notes or "'mmsearch backup' made" in done.notes


def test_a_served_index_is_not_replaced(world: World) -> None:
    assert world.mmsearch.run("backup", "backup").code == 0
    server = world.mmsearch.start("serve", "--port", "0")
    try:
        assert server.stderr is not None
        while b"http://" not in server.stderr.readline():
            assert server.poll() is None
        done = world.mmsearch.run("restore", "backup", "--yes")
    finally:
        server.terminate()
        server.communicate(timeout=30)
    assert done.code == 1
    assert "is in use: end what has it open ('mmsearch serve'" in done.notes
    assert done.notes.count("\n") == 1


@pytest.mark.parametrize("command", ["index photos", "backup backup"])
def test_a_full_disk_is_one_line(world: World, tmp_path: Path, command: str) -> None:
    """No file may grow beyond 64 kB, which stands for a disk without room."""
    shutil.copytree(world.photos, tmp_path / "photos")
    before = world.mmsearch.run("query", "red", "--json").text
    done = world.mmsearch.shell(f"ulimit -f 64; mmsearch {command}")
    assert done.code == 1
    assert done.notes.splitlines()[-1].startswith("mmsearch: error: catalogue ")
    assert "disk I/O error; check the file, its folder and the disk" in done.notes
    assert "Traceback" not in done.notes
    assert world.mmsearch.run("query", "red", "--json").text == before
    assert world.mmsearch.shell(f"mmsearch {command}").code == 0
