"""Squash, crop and pad, and the cheap shrinking before them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mmsearch.media.colour import Tones
from mmsearch.media.geometry import fit, needed_size, shrink
from mmsearch.types import InputSpec, ResizeMode
from tests.unit.media.samples import difference, scene, spec


def fitted(image: Image.Image, wanted: InputSpec) -> Image.Image:
    return fit(image, image.size, wanted, lambda same: same)


@pytest.mark.parametrize(
    ("mode", "size", "needed"),
    [
        (ResizeMode.SQUASH, (4000, 3000), (224, 224)),
        (ResizeMode.CROP, (4000, 3000), (299, 224)),
        (ResizeMode.PAD, (4000, 3000), (224, 168)),
        (ResizeMode.PAD, (100000, 1), (224, 1)),
    ],
)
def test_needed_size_is_the_smallest_that_serves(
    mode: ResizeMode, size: tuple[int, int], needed: tuple[int, int]
) -> None:
    assert needed_size(size, spec(224, 224, mode)) == needed


def test_squash_shows_the_whole_picture() -> None:
    pixels = np.asarray(fitted(scene(300, 100), spec(50, 50)))
    assert pixels.shape == (50, 50, 3)
    assert pixels[25, 0, 0] < 10
    assert pixels[25, -1, 0] > 245


@pytest.mark.parametrize("size", [(300, 200), (200, 300), (301, 200), (200, 333), (50, 70)])
def test_crop_is_torchvisions_resize_and_centre_crop(size: tuple[int, int]) -> None:
    """The plain way: resize the whole picture, then cut out the centre."""
    image, wanted = scene(*size), 64
    short, long = min(size), max(size)
    scaled = (wanted, int(wanted * long / short))
    whole = image.resize(scaled if size[0] <= size[1] else scaled[::-1], Image.Resampling.BICUBIC)
    left = round((whole.width - wanted) / 2)
    top = round((whole.height - wanted) / 2)
    plain = whole.crop((left, top, left + wanted, top + wanted))
    ours = fitted(image, spec(wanted, wanted, ResizeMode.CROP))
    assert difference(np.asarray(ours), np.asarray(plain)) < 0.3


def test_pad_keeps_the_shape_and_fills_the_border() -> None:
    fill = InputSpec(60, 60, ResizeMode.PAD, fill=(1, 2, 3))
    pixels = np.asarray(fitted(scene(200, 100), fill))
    assert (pixels[:15] == (1, 2, 3)).all()
    assert (pixels[45:] == (1, 2, 3)).all()
    assert pixels[30, -1, 0] > 240


@pytest.mark.parametrize("mode", list(ResizeMode))
@pytest.mark.parametrize("size", [(1, 1), (1, 500), (5000, 3), (7, 5)])
def test_extreme_shapes_give_exactly_the_input_size(
    mode: ResizeMode, size: tuple[int, int]
) -> None:
    assert fitted(scene(*size), spec(40, 24, mode)).size == (40, 24)


def test_an_unknown_interpolation_is_named() -> None:
    with pytest.raises(ValueError, match="'best' is unknown"):
        fitted(scene(), InputSpec(8, 8, interpolation="best"))


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "CMYK", "1"])
def test_shrinking_in_bands_equals_shrinking_at_once(mode: str) -> None:
    """2.4 million pixels need three bands; the last one is not full."""
    image = scene(2000, 1203).convert(mode)
    small = shrink(image, (100, 50), Tones())
    flat = image.convert({"P": "RGB", "1": "L", "RGBA": "RGB"}.get(mode, mode))
    assert small.size == (200, 101)
    assert difference(np.asarray(small), np.asarray(flat.reduce((10, 12)))) == 0


def test_shrinking_never_goes_below_what_is_needed() -> None:
    assert shrink(scene(99, 60), (50, 50), Tones()).size == (99, 60)
