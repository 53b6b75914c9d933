"""Formats are told by content, never by name."""

from __future__ import annotations

import pytest

from mmsearch.errors import MediaError
from mmsearch.media.formats import open_picture, sniff, webp_canvas
from tests.unit.media.samples import encoded, scene


@pytest.mark.parametrize(
    ("pillow", "ours"),
    [
        ("JPEG", "JPEG"),
        ("PNG", "PNG"),
        ("WEBP", "WEBP"),
        ("GIF", "GIF"),
        ("BMP", "BMP"),
        ("TIFF", "TIFF"),
        ("AVIF", "AVIF"),
        ("JPEG2000", "JPEG2000"),
        ("TGA", "TGA"),
    ],
)
def test_each_format_is_sniffed_and_opened(pillow: str, ours: str) -> None:
    data = encoded(scene(), pillow)
    assert sniff(data) == ours
    image = open_picture(data)
    assert (image.format, image.size) == (ours, (160, 120))


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIF"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "AVIF"),
        (b"\0\0\0\x18ftypmsf1\0\0\0\0msf1hevc", "HEIF"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", None),
    ],
)
def test_box_files_are_told_apart_by_their_brands(data: bytes, name: str | None) -> None:
    assert sniff(data) == name


@pytest.mark.parametrize("data", [b"%PDF-1.7", b"<html></html>" * 9, b"\0" * 100, b"GIF"])
def test_what_is_no_picture_is_refused_as_such(data: bytes) -> None:
    with pytest.raises(MediaError, match="not a picture"):
        open_picture(data)


def test_an_empty_file_is_named_so() -> None:
    with pytest.raises(MediaError, match="empty file"):
        open_picture(b"")


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0II*\0"}])
def test_webp_size_is_read_from_each_kind_of_header(options: dict[str, object]) -> None:
    assert webp_canvas(encoded(scene(), "WEBP", **options)) == (160, 120)
