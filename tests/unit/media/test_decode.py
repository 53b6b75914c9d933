"""From bytes to upright pixels: orientation, drafts, the plain reference, refusals."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from mmsearch.errors import MediaError
from mmsearch.media import decode as decode_module
from mmsearch.media.decode import decode, decode_file, decode_reference
from mmsearch.media.decode_limits import DecodeLimits
from mmsearch.types import InputSpec, ResizeMode
from tests.unit.media.samples import LIMITS, difference, encoded, scene, spec

AS_STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def turned(image: Image.Image, orientation: int, file_format: str) -> bytes:
    """A file whose pixels lie as the orientation says, and whose EXIF says so."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = image.transpose(AS_STORED[orientation]) if orientation in AS_STORED else image
    return encoded(stored, file_format, exif=exif)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_every_orientation_comes_out_upright(orientation: int, file_format: str) -> None:
    image = scene(320, 160)
    picture = decode(turned(image, orientation, file_format), spec(64, 32), LIMITS)
    expected = np.asarray(image.resize((64, 32), Image.Resampling.BICUBIC))
    assert difference(picture.pixels, expected) < 4
    assert (picture.metadata.width, picture.metadata.height) == (320, 160)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_absurd_orientation_is_ignored(orientation: int) -> None:
    picture = decode(turned(scene(), orientation, "JPEG"), spec(), LIMITS)
    assert (picture.metadata.width, picture.metadata.height) == (160, 120)


@pytest.mark.parametrize("mode", list(ResizeMode))
@pytest.mark.parametrize("size", [(1600, 1200), (1203, 797), (2400, 300), (64, 48)])
@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_the_short_cut_agrees_with_the_plain_reference(
    mode: ResizeMode, size: tuple[int, int], file_format: str
) -> None:
    data = encoded(scene(*size), file_format)
    wanted = spec(64, 64, mode)
    quick, plain = decode(data, wanted, LIMITS), decode_reference(data, wanted, LIMITS)
    assert difference(quick.pixels, plain.pixels) < 1.0
    assert quick.metadata == plain.metadata


@pytest.mark.parametrize(
    ("size", "wanted", "drafted"),
    [
        ((1600, 1200), (64, 64), (200, 150)),
        ((1600, 1200), (200, 150), (200, 150)),
        ((1600, 1200), (201, 150), (400, 300)),
        ((1600, 1200), (64, 301), (800, 600)),
        ((1600, 1200), (900, 64), (1600, 1200)),
    ],
)
def test_jpeg_is_decoded_at_the_smallest_scale_that_covers_the_input(
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
    wanted: tuple[int, int],
    drafted: tuple[int, int],
) -> None:
    seen: list[tuple[int, int]] = []
    real = decode_module.geometry.shrink

    def spy(image: Image.Image, *rest: object) -> Image.Image:
        seen.append(image.size)
        return real(image, *rest)

    monkeypatch.setattr(decode_module.geometry, "shrink", spy)
    decode(encoded(scene(*size), "JPEG"), spec(*wanted), LIMITS)
    assert seen == [drafted]


def test_a_turned_jpeg_is_drafted_along_the_right_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stored 1600x400, upright 400x1600: a 50x400 input needs the stored picture at 1/4."""
    seen: list[tuple[int, int]] = []
    real = decode_module.geometry.shrink

    def spy(image: Image.Image, *rest: object) -> Image.Image:
        seen.append(image.size)
        return real(image, *rest)

    monkeypatch.setattr(decode_module.geometry, "shrink", spy)
    decode(turned(scene(400, 1600), 6, "JPEG"), spec(50, 400), LIMITS)
    assert seen == [(400, 100)]


def test_pixels_have_the_promised_shape_and_type() -> None:
    pixels = decode(encoded(scene()), InputSpec(20, 30), LIMITS).pixels
    assert (pixels.shape, pixels.dtype) == ((20, 30, 3), np.uint8)
    assert pixels.flags.c_contiguous


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_the_first_frame_of_many_counts(file_format: str) -> None:
    first, second = Image.new("RGB", (32, 32), "red"), Image.new("RGB", (32, 32), "blue")
    data = encoded(first, file_format, save_all=True, append_images=[second])
    red, _, blue = decode(data, spec(), LIMITS).pixels[16, 16]
    assert red > 240
    assert blue < 15


def test_heif_is_decoded_upright_and_alike() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    image = scene(128, 64)
    heif = pillow_heif.from_pillow(image)
    out = io.BytesIO()
    heif.save(out, quality=90)
    picture = decode(out.getvalue(), spec(64, 32), LIMITS)
    assert picture.metadata.format == "HEIF"
    assert difference(picture.pixels, np.asarray(image.resize((64, 32)))) < 6


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF", "JPEG2000"])
@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_a_truncated_file_is_refused(file_format: str, kept: float) -> None:
    """The documented rule, even where most of the picture would still show."""
    noise = Image.effect_noise((96, 96), 80).convert("RGB")
    data = encoded(noise, file_format)
    with pytest.raises(MediaError, match=r"truncated|damaged"):
        decode(data[: int(len(data) * kept)], spec(), LIMITS)


@pytest.mark.parametrize("side", [256, 768])
def test_a_truncated_jpeg_says_so(side: int) -> None:
    data = encoded(Image.effect_noise((side, side), 80), "JPEG")
    with pytest.raises(MediaError, match=r"^truncated: the JPEG data ends before the"):
        decode(data[: len(data) * 2 // 3], spec(), LIMITS)


def test_decode_file_reads_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(scene(), "JPEG"))
    assert decode_file(path, spec(), LIMITS).metadata.format == "JPEG"
    with pytest.raises(MediaError, match="cannot be read: no such file"):
        decode_file(tmp_path / "b.jpg", spec(), LIMITS)


def test_an_unknown_interpolation_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="unknown"):
        decode(encoded(scene()), InputSpec(8, 8, interpolation="best"), LIMITS)


def test_too_many_pixels_are_refused_from_the_header_alone() -> None:
    """The data behind the header is missing: only a decoder would notice."""
    header = encoded(Image.new("1", (3000, 2000)))[:60]
    with pytest.raises(MediaError, match=r"3000x2000 is 6\.0 megapixels, over the limit of 5"):
        decode(header, spec(), DecodeLimits(max_pixels=5_000_000))
