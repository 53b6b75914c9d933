"""Most of a folder gone at once: asked about at a terminal, kept without one, gone with --yes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.integration.cli.command import Mmsearch
from tests.integration.cli.conftest import make_picture

COUNT = 12
GONE = 11


@pytest.fixture
def emptied(mmsearch: Mmsearch) -> Path:
    """An indexed folder of which all pictures but one are gone since, and one is new."""
    photos = mmsearch.folder / "photos"
    photos.mkdir()
    for number in range(COUNT):
        make_picture(photos / f"{number}.png", "red", number)
    done = mmsearch.run("index", "photos")
    assert done.code == 0, done.notes
    for number in range(GONE):
        (photos / f"{number}.png").unlink()
    make_picture(photos / "new.png", "blue", COUNT)
    return photos


def test_without_a_terminal_they_are_kept_with_one_line_until_yes(
    mmsearch: Mmsearch, emptied: Path
) -> None:
    done = mmsearch.run("index", "photos", "--json")
    [summary] = done.objects()
    assert done.code == 0
    assert (summary["added"], summary["removed"], summary["unchanged"]) == (1, 0, 1)
    assert summary["held_back"] == [{"path": str(emptied), "gone": GONE, "known": COUNT}]
    lines = [line for line in done.notes.splitlines() if "gone" in line]
    assert len(lines) == 1
    assert f"{GONE} of {COUNT} pictures below {emptied} are gone" in lines[0]
    assert "--yes" in lines[0]
    [summary] = mmsearch.run("index", "photos", "--json", "--yes").objects()
    assert (summary["removed"], summary["unchanged"], summary["held_back"]) == (GONE, 2, [])


def test_at_a_terminal_the_question_comes_last_and_only_yes_removes_them(
    mmsearch: Mmsearch, emptied: Path
) -> None:
    """Nothing waits for the answer: what is new is indexed by then."""
    no = mmsearch.run_asked(b"\n", "index", "photos", "--json")
    [summary] = no.objects()
    assert no.code == 0
    question = f"{GONE} of {COUNT} pictures below {emptied} are gone. Remove them from the index?"
    assert f"{question} [y/N]" in no.notes
    assert (summary["added"], summary["removed"]) == (1, 0)
    assert len(summary["held_back"]) == 1  # type: ignore[arg-type]
    yes = mmsearch.run_asked(b"y\n", "index", "photos", "--json")
    [summary] = yes.objects()
    assert (summary["removed"], summary["unchanged"], summary["held_back"]) == (GONE, 2, [])


def test_a_recheck_finds_what_size_and_time_hide(mmsearch: Mmsearch) -> None:
    path = mmsearch.folder / "photos" / "a.png"
    path.parent.mkdir()
    make_picture(path, "red", 1)
    was = path.stat()
    assert mmsearch.run("index", "photos").code == 0
    data = bytearray(path.read_bytes())
    data[-1] ^= 1  # in the checksum of the last chunk, where no decoder looks
    path.write_bytes(data)
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    [summary] = mmsearch.run("index", "photos", "--json", "--recheck").objects()
    assert (summary["updated"], summary["unchanged"]) == (1, 0)
