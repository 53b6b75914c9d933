"""What is read of a file is of one moment, and nothing but a plain file is opened."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from mmsearch.errors import MediaError
from mmsearch.media import reading as reading_module
from mmsearch.media.digest import digest_bytes, digest_file, digest_with_stamp
from mmsearch.media.limits import DecodeLimits, read_file
from mmsearch.media.reading import Stamp, is_about_reading, open_at_rest

LIMITS = DecodeLimits()
TICK_NS = 30_000_000


def test_an_open_file_has_its_stamp_and_tells_of_a_change(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"bytes")
    with open_at_rest(path) as opened:
        assert opened.file.read() == b"bytes"
        assert opened.stamp == Stamp(5, path.stat().st_mtime_ns)
        assert not opened.has_changed()
        path.write_bytes(b"other")
        assert opened.has_changed()


def test_a_write_of_the_same_size_right_after_opening_shows(tmp_path: Path) -> None:
    """Also in the same tick of the file system's clock as the write before."""
    path = tmp_path / "a.jpg"
    for _ in range(20):
        path.write_bytes(b"first")
        with open_at_rest(path) as opened:
            path.write_bytes(b"other")
            assert opened.has_changed()


def test_only_a_file_just_written_is_waited_for(tmp_path: Path) -> None:
    """An old time, or one of a clock that runs ahead, costs nothing."""
    path = tmp_path / "a.jpg"
    path.write_bytes(b"x")
    written = time.time_ns()
    with open_at_rest(path):
        assert time.time_ns() - written > TICK_NS / 3
    for seconds in (-3600, 3600):
        at = time.time_ns() + seconds * 10**9 + 1
        os.utime(path, ns=(at, at))
        with open_at_rest(path) as opened:
            assert opened.stamp.mtime_ns == at


def test_a_file_written_to_at_each_look_is_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not waited for without end."""
    path = tmp_path / "a.jpg"
    path.write_bytes(b"x")
    real = os.fstat

    def written(descriptor: int) -> os.stat_result:
        path.write_bytes(b"y")
        return real(descriptor)

    monkeypatch.setattr(reading_module.os, "fstat", written)
    with pytest.raises(MediaError, match="changed while it was read"), open_at_rest(path):
        pytest.fail("it was opened")


@pytest.mark.parametrize("kind", ["pipe", "socket", "folder"])
@pytest.mark.parametrize("read", [digest_file, lambda path: read_file(path, LIMITS)])
def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path, kind: str, read: object) -> None:
    """A pipe without a writer would keep its reader for ever."""
    path = tmp_path / "a.jpg"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(os.fspath(path))
    assert callable(read)
    with pytest.raises(MediaError, match="not a regular file"):
        read(path)


def test_bytes_and_stamp_belong_together_while_a_file_is_rewritten(tmp_path: Path) -> None:
    """Rewrites of one size: no stamp ever names two digests, so none that stays is wrong."""
    path = tmp_path / "a.jpg"
    contents = [bytes([number]) * 300_000 for number in range(8)]
    over = threading.Event()
    path.write_bytes(contents[0])

    def rewrite() -> None:
        number = 0
        while not over.wait(0.03):
            number += 1
            path.write_bytes(contents[number % len(contents)])

    writer = threading.Thread(target=rewrite)
    writer.start()
    found: dict[Stamp, str] = {}
    try:
        for _ in range(12):
            with contextlib.suppress(MediaError):
                read = digest_with_stamp(path)
                assert found.setdefault(read.stamp, read.digest) == read.digest
    finally:
        over.set()
        writer.join()
    assert found
    last = digest_with_stamp(path)
    assert last.digest == digest_bytes(path.read_bytes())
    assert found.get(last.stamp, last.digest) == last.digest


@pytest.mark.parametrize(
    ("reason", "about_reading"),
    [
        ("cannot be read: permission denied", True),
        ("changed while it was read", True),
        ("truncated: the JPEG data ends before the picture does", False),
        ("not a regular file", False),
    ],
)
def test_reasons_that_a_files_stamp_does_not_show_are_known(
    reason: str, *, about_reading: bool
) -> None:
    assert is_about_reading(reason) is about_reading
