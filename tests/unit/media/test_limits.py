"""What a file may cost, and the words when it may not."""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

import pytest
from PIL import Image

from mmsearch.errors import MediaError
from mmsearch.media import reading as reading_module
from mmsearch.media.decode import decode
from mmsearch.media.limits import DecodeLimits, FileBytes, read_file, reasons
from tests.unit.media.samples import LIMITS, encoded, scene, spec


def test_a_file_is_read_whole_with_its_stat(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"bytes")
    info = path.stat()
    assert read_file(path, LIMITS) == FileBytes(b"bytes", 5, info.st_mtime_ns)


def test_a_file_larger_than_the_memory_limit_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with path.open("wb") as file:
        file.truncate(200 << 20)
    with pytest.raises(MediaError, match="needs more than 128 MB"):
        read_file(path, DecodeLimits(memory_mb=128))


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes in folders")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(MediaError, match="not a regular file"):
        read_file(tmp_path / "a.jpg", LIMITS)


def test_a_nul_in_a_path_is_an_unreadable_file() -> None:
    with pytest.raises(MediaError, match="cannot be read"):
        read_file(Path("a\0.jpg"), LIMITS)


def test_a_file_that_keeps_changing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"1")
    real = os.fstat

    def touching(descriptor: int) -> os.stat_result:
        with path.open("ab") as file:
            file.write(b"more")
        return real(descriptor)

    monkeypatch.setattr(reading_module.os, "fstat", touching)
    with pytest.raises(MediaError, match="changed while it was read"):
        read_file(path, LIMITS)


def test_memory_is_judged_by_the_header() -> None:
    """Three times 64 million bytes of pixels behind a header, none of them present."""
    header = b"BM" + struct.pack("<IHHI", 0, 0, 0, 54)
    header += struct.pack("<IiiHHIIiiII", 40, 8000, 8000, 1, 24, 0, 0, 0, 0, 0, 0)
    with pytest.raises(MediaError, match="needs more than 128 MB of memory"):
        decode(header + bytes(100), spec(), DecodeLimits(memory_mb=128))


def test_a_draft_scaled_jpeg_needs_little_memory() -> None:
    """48 million pixels would be 192 MB; at 1/8 they are 3."""
    data = encoded(Image.new("RGB", (8000, 6000), "red"), "JPEG")
    assert decode(data, spec(), DecodeLimits(memory_mb=64)).metadata.width == 8000


def test_a_progressive_jpeg_needs_its_coefficients_at_any_scale() -> None:
    data = encoded(Image.new("RGB", (8000, 6000), "red"), "JPEG", progressive=True)
    with pytest.raises(MediaError, match="needs more than 64 MB"):
        decode(data, spec(), DecodeLimits(memory_mb=64))


def test_a_webp_is_refused_before_its_decoder_allocates() -> None:
    data = bytearray(encoded(scene(), "WEBP"))
    data[26:30] = struct.pack("<HH", 16383, 16383)
    with pytest.raises(MediaError, match="16383x16383"):
        decode(bytes(data), spec(), LIMITS)


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (MemoryError(), "needs more than 512 MB of memory"),
        (EOFError("x"), "truncated: the PNG data ends before the picture does"),
        (OSError("image file is truncated (3 bytes)"), "truncated: the PNG data ends"),
        (Image.DecompressionBombError("big"), "over the pixel limit: big"),
        (KeyError("mode"), "damaged or unsupported PNG: no entry 'mode'"),
        (RuntimeError(), "damaged or unsupported PNG: RuntimeError"),
        (
            RuntimeError("Pixel allocation failed: Out of memory"),
            "needs more than 512 MB of memory",
        ),
        (
            SyntaxError("Memory allocation error: Security limit exceeded: 4097 extents"),
            "damaged or unsupported PNG: Memory allocation error: Security limit exceeded",
        ),
        (SyntaxError("not identified by this driver"), "damaged or unsupported PNG: its header"),
        (MediaError("as it was"), "as it was"),
    ],
)
def test_whatever_a_decoder_raises_becomes_one_short_reason(raised: Exception, reason: str) -> None:
    with pytest.raises(MediaError) as caught, reasons(encoded(scene()), LIMITS):
        raise raised
    assert str(caught.value).startswith(reason)


def test_what_may_only_look_like_a_tga_is_told_with_that_doubt() -> None:
    """A TGA has no signature: a damaged file of another kind may have its shape by chance."""
    whole = encoded(scene(), "TGA")
    with pytest.raises(MediaError) as caught:
        decode(whole[:100], spec(), LIMITS)
    assert str(caught.value) == (
        "truncated: the TGA data ends before the picture does; if it is no TGA, it is no picture"
    )


def test_a_header_that_no_tga_has_is_not_taken_for_one() -> None:
    whole = bytearray(encoded(scene(), "TGA"))
    assert decode(bytes(whole), spec(), LIMITS).metadata.format == "TGA"
    for place, value in ((2, 3), (17, 0xC0), (2, 1)):  # grey of 24 bits; interleaved; a palette
        bad = whole.copy()
        bad[place] = value
        with pytest.raises(MediaError, match=r"no known format starts like this file$"):
            decode(bytes(bad), spec(), LIMITS)


def test_a_long_message_is_cut() -> None:
    with pytest.raises(MediaError) as caught, reasons(b"", LIMITS):
        raise ValueError("many\nwords " * 100)
    assert len(str(caught.value)) < 170
    assert "\n" not in str(caught.value)
