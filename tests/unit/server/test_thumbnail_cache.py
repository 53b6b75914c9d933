"""The cache of thumbnails: whole files or none, bounded, harmless when it fails."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mmsearch.server.thumbnails import ThumbnailCache

DIGESTS = [f"{number:02x}" * 32 for number in range(20)]


def test_what_is_put_is_got(tmp_path: Path) -> None:
    cache = ThumbnailCache(tmp_path / "new" / "folder", 1_000_000)
    assert cache.get(DIGESTS[0], 320) is None
    cache.put(DIGESTS[0], 320, b"small")
    assert cache.get(DIGESTS[0], 320) == b"small"
    assert cache.get(DIGESTS[0], 640) is None
    assert ThumbnailCache(tmp_path / "new" / "folder", 1_000_000).get(DIGESTS[0], 320) == b"small"


def test_the_oldest_leave_first(tmp_path: Path) -> None:
    cache = ThumbnailCache(tmp_path, 10_000)
    for number, digest in enumerate(DIGESTS):
        cache.put(digest, 320, b"x" * 1000)
        for file in tmp_path.rglob(f"{digest[2:34]}*"):
            os.utime(file, (number, number))
    kept = [digest for digest in DIGESTS if cache.get(digest, 320)]
    assert kept == DIGESTS[-len(kept) :]
    assert 8 <= len(kept) <= 10


def test_a_half_written_file_counts_as_none(tmp_path: Path) -> None:
    """A crash may leave an empty file under the name."""
    cache = ThumbnailCache(tmp_path, 10_000)
    cache.put(DIGESTS[1], 320, b"x")
    (file,) = tmp_path.rglob("*.jpg")
    file.write_bytes(b"")
    assert cache.get(DIGESTS[1], 320) is None


def test_no_room_means_no_files(tmp_path: Path) -> None:
    cache = ThumbnailCache(tmp_path / "none", 0)
    cache.put(DIGESTS[0], 320, b"x")
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_written_costs_only_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = ThumbnailCache(tmp_path / "file", 10_000)
    cache.put(DIGESTS[0], 320, b"x")
    assert cache.get(DIGESTS[0], 320) is None
    assert "cannot be kept" in caplog.text
