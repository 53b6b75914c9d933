"""Digests name bytes, not files."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsearch.errors import MediaError
from mmsearch.media.digest import CHUNK_BYTES, digest_bytes, digest_file


def test_known_value() -> None:
    """BLAKE3 of nothing, from the reference test vectors."""
    expected = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    assert digest_bytes(b"") == expected


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_a_file_read_in_chunks_has_the_digest_of_its_bytes(tmp_path: Path, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    assert digest_file(path) == digest_bytes(data)


def test_an_unreadable_file_is_a_media_error(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="cannot be read: no such file"):
        digest_file(tmp_path / "gone.jpg")
