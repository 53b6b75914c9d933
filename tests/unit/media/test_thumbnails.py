"""Thumbnails: small, upright JPEGs."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from mmsearch.errors import MediaError
from mmsearch.media.thumbnails import thumbnail
from tests.unit.media.samples import LIMITS, encoded, scene


def made(path: Path, data: bytes, max_px: int = 100) -> Image.Image:
    path.write_bytes(data)
    image = Image.open(io.BytesIO(thumbnail(path, max_px, LIMITS)))
    assert image.format == "JPEG"
    return image


def test_the_longer_side_fits(tmp_path: Path) -> None:
    assert made(tmp_path / "a", encoded(scene(800, 600), "JPEG")).size == (100, 75)
    assert made(tmp_path / "a", encoded(scene(30, 900), "PNG")).size == (3, 100)


def test_a_small_picture_is_not_enlarged(tmp_path: Path) -> None:
    assert made(tmp_path / "a", encoded(scene(40, 30))).size == (40, 30)


def test_it_is_upright_and_rgb(tmp_path: Path) -> None:
    """Stored lying on its side, red grows downwards; upright it grows to the right."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    stored = scene(400, 200).transpose(Image.Transpose.ROTATE_90)
    image = made(tmp_path / "a", encoded(stored, "PNG", exif=exif))
    assert (image.size, image.mode) == ((100, 50), "RGB")
    assert image.getpixel((98, 40))[0] > 220
    assert image.getpixel((1, 40))[0] < 40


def test_a_bad_file_gives_its_reason(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"no picture at all")
    with pytest.raises(MediaError, match="not a picture"):
        thumbnail(tmp_path / "a", 100, LIMITS)
