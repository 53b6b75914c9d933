"""Every pixel mode becomes the RGB a person sees."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from mmsearch.media.colour import Tones, flatten, to_srgb, tones_of
from mmsearch.media.decode import decode
from tests.unit.media.samples import LIMITS, difference, encoded, scene, spec


def seen(data: bytes, width: int = 1, height: int = 1) -> list[int]:
    """The first pixel of a decoded file."""
    return [int(value) for value in decode(data, spec(width, height), LIMITS).pixels[0, 0]]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparent_pixels_show_white(mode: str) -> None:
    clear = Image.new("RGBA", (8, 8), (10, 20, 30, 0))
    image = clear.convert("P").convert("PA") if mode == "PA" else clear.convert(mode)
    if mode == "PA":
        image.putalpha(Image.new("L", (8, 8), 0))
    assert flatten(image, Tones()).convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_half_transparent_red_shows_pink() -> None:
    assert seen(encoded(Image.new("RGBA", (4, 4), (255, 0, 0, 128)))) == [255, 127, 127]


def test_a_transparent_palette_entry_shows_white() -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 0, 0, 255])
    assert seen(encoded(image)) == [0, 0, 255]
    assert seen(encoded(image, transparency=1)) == [255, 255, 255]


def test_a_palette_is_looked_up_before_pixels_are_averaged() -> None:
    """Indices 0 and 2 average to index 1, whose colour is nowhere in the picture."""
    image = Image.new("P", (64, 64), 0)
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.paste(2, (0, 0, 32, 64))
    assert max(seen(encoded(image), 2, 1)[1:2]) < 8


def test_one_bit_is_black_and_white() -> None:
    image = Image.new("1", (8, 8), 1)
    assert seen(encoded(image)) == [255, 255, 255]
    image.paste(0, (0, 0, 8, 8))
    assert seen(encoded(image)) == [0, 0, 0]


def test_sixteen_bits_keep_their_brightness() -> None:
    values = np.full((8, 8), 32768, np.uint16)
    values[0, 0] = 65535
    assert seen(encoded(Image.fromarray(values)), 8, 8) == [255, 255, 255]
    assert decode(encoded(Image.fromarray(values)), spec(8, 8), LIMITS).pixels[4, 4, 0] == 128


def test_ten_bits_in_sixteen_are_not_shown_black() -> None:
    values = np.full((8, 8), 500, np.uint16)
    values[0, 0] = 1000
    assert tones_of(Image.fromarray(values)) == Tones(0.0, 1023.0)


@pytest.mark.parametrize(
    ("values", "tones"),
    [
        (np.array([[0.0, 0.5]], np.float32), Tones(0.0, 1.0)),
        (np.array([[0.0, 200.0]], np.float32), Tones(0.0, 255.0)),
        (np.array([[-5.0, 5.0]], np.float32), Tones(-5.0, 5.0)),
        (np.array([[np.nan, np.inf]], np.float32), Tones(0.0, 1.0)),
        (np.array([[0, 30000]], np.int32), Tones(0.0, 32767.0)),
        (np.array([[-10, 1 << 20]], np.int32), Tones(-10.0, float(1 << 20))),
    ],
)
def test_values_without_a_nominal_range_get_a_sensible_one(
    values: np.ndarray, tones: Tones
) -> None:
    image = Image.fromarray(values)
    assert tones_of(image) == tones
    assert flatten(image, tones).mode == "L"


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_the_range_of_a_big_picture_is_that_of_all_its_bands(dtype: type[np.generic]) -> None:
    values = np.zeros((600, 4000), dtype)
    values[0, 0], values[-1, -1] = 3, 50_000
    whole = Tones(0.0, 65535.0)
    assert tones_of(Image.fromarray(values)) == whole


def test_a_band_without_a_finite_value_does_not_count() -> None:
    values = np.full((600, 4000), np.nan, np.float32)
    values[-1, -2:] = 0.0, 200.0
    assert tones_of(Image.fromarray(values)) == Tones(0.0, 255.0)


def test_cmyk_jpeg_in_adobe_inversion_shows_its_colours() -> None:
    """Pillow writes CMYK as Adobe does, inverted; read back without care it is a negative."""
    data = encoded(scene().convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in data[:64]
    assert difference(decode(data, spec(), LIMITS).pixels, np.asarray(scene().resize((32, 32)))) < 6


def test_cmyk_tiff_shows_its_colours() -> None:
    assert seen(encoded(Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "TIFF")) == [255, 0, 0]


def test_lab_shows_its_colours() -> None:
    """L* 53, a* 80, b* 67 is red."""
    image = Image.merge("LAB", [Image.new("L", (4, 4), value) for value in (136, 208, 195)])
    out = io.BytesIO()
    image.save(out, "TIFF")
    red, green, blue = seen(out.getvalue())
    assert red > 235
    assert max(green, blue) < 40


def test_an_icc_profile_is_applied() -> None:
    """A profile whose red and blue are swapped shows red as blue."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    red = Image.new("RGB", (4, 4), (200, 30, 30))
    assert to_srgb(red, profile, None).getpixel((0, 0)) == (200, 30, 30), "not an RGB profile"
    assert to_srgb(red, b"garbage", None).getpixel((0, 0)) == (200, 30, 30)
    wide = _profile_with_gamma_one()
    assert to_srgb(red, wide, None).getpixel((0, 0))[0] > 220


def test_png_gamma_is_applied_where_no_profile_is() -> None:
    grey = Image.new("L", (1, 1), 128)
    assert to_srgb(grey, None, 1.0).getpixel((0, 0)) == (186, 186, 186)
    assert to_srgb(grey, None, 0.45455).getpixel((0, 0)) == (128, 128, 128)


@pytest.mark.parametrize("file_format", ["BMP", "TGA"])
def test_an_unused_alpha_byte_is_ignored(file_format: str) -> None:
    image = Image.new("RGBA", (4, 4), (10, 200, 30, 0))
    image.format = file_format
    assert flatten(image, tones_of(image)).getpixel((0, 0)) == (10, 200, 30)


def _profile_with_gamma_one() -> bytes:
    """The sRGB profile with its curves replaced by straight lines and another name."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(data[128:132], "big")
    for index in range(count):
        at = 132 + index * 12
        name, where = bytes(data[at : at + 4]), int.from_bytes(data[at + 4 : at + 8], "big")
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            data[where : where + 12] = b"curv" + bytes(8)
        if name == b"desc":
            size = int.from_bytes(data[at + 8 : at + 12], "big")
            text = bytes(data[where : where + size])
            data[where : where + size] = text.replace(b"\0s\0R\0G\0B", b"\0l\0i\0n\0e")
    return bytes(data)
