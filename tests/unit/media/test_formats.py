"""Formats are told by content, never by name."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageFile

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


def test_a_jpeg_goes_to_its_decoder_in_one_piece_and_uncopied() -> None:
    data = encoded(_noise(), "JPEG", quality=95)
    assert len(data) > 2 * ImageFile.MAXBLOCK
    image = open_picture(data)
    assert image.fp is not None
    image.fp.seek(0)
    assert image.fp.read(image.decodermaxblock) is data


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 4}])
@pytest.mark.parametrize("side", [512, 64])
def test_a_jpeg_in_one_piece_has_the_pixels_it_has_in_blocks(
    options: dict[str, object], side: int
) -> None:
    data = encoded(_noise(), "JPEG", quality=95, **options) + b"more behind the picture" * 9000
    pixels = []
    for image in (open_picture(data), Image.open(io.BytesIO(data))):
        image.draft("RGB", (side, side))
        pixels.append(np.asarray(image))
    assert pixels[0].shape == (side, side, 3)
    assert np.array_equal(*pixels)


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


def _noise() -> Image.Image:
    """A picture whose JPEG takes several of Pillow's blocks."""
    return Image.effect_noise((512, 512), 80).convert("RGB")
