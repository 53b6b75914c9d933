"""A digest is computed anew when, and only when, a file may have changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from blake3 import blake3

from mmsearch.runtime.known_digest import known_digest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="without POSIX times nothing is kept")


class Files:
    """Two files, one of which may be absent, and how often they were read."""

    def __init__(self, folder: Path) -> None:
        self.paths = [folder / "a", folder / "b"]
        self.note = folder / "notes" / "x.json"
        self.reads = 0
        self.paths[0].write_bytes(b"first")

    def compute(self) -> str:
        self.reads += 1
        there = [path.read_bytes() for path in self.paths if path.exists()]
        return blake3(b"|".join(there)).hexdigest()

    def digest(self) -> str:
        return known_digest(self.paths, self.note, self.compute)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """Files that look as if they had been there for a minute."""
    real = time.time_ns
    monkeypatch.setattr("mmsearch.runtime.known_digest.time.time_ns", lambda: real() + 60 * 10**9)
    return Files(tmp_path)


def test_unchanged_files_are_read_once(files: Files) -> None:
    assert files.digest() == files.digest() == files.compute()
    assert files.reads == 2


def test_a_change_is_seen_also_behind_the_same_size_and_time(files: Files) -> None:
    path = files.paths[0]
    before, old = path.stat(), files.digest()
    path.write_bytes(b"FIRST")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert files.digest() == files.compute() != old


def test_a_file_that_appears_or_goes_is_seen(files: Files) -> None:
    alone = files.digest()
    files.paths[1].write_bytes(b"second")
    both = files.digest()
    files.paths[1].unlink()
    assert files.digest() == alone != both


def test_files_that_were_just_written_are_not_noted(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.digest()
    files.digest()
    assert files.reads == 2
    assert not files.note.exists()


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"state": 3, "digest": 4}', "[" * 100_000])
def test_a_damaged_note_is_no_note(files: Files, text: str) -> None:
    truth = files.digest()
    files.note.write_text(text)
    assert files.digest() == truth
    assert files.reads == 2


def test_where_nothing_can_be_kept_it_is_computed_each_time(files: Files) -> None:
    files.note.parent.write_text("in the way")
    assert files.digest() == files.digest()
    assert files.reads == 2
