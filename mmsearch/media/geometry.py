"""How a picture of any size becomes a model's input: squash, crop or pad."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from PIL import Image

from mmsearch.media.colour import Tones, flatten, is_flat
from mmsearch.types import InputSpec, ResizeMode

Size: TypeAlias = tuple[int, int]
"""Width, height in pixels."""

REDUCING_GAP = 2
"""Box averaging leaves at least this many times the wanted size to the final resampling."""

_BAND_PIXELS = 1 << 20
_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def resampling(spec: InputSpec) -> Image.Resampling:
    """Pillow's filter for the spec's interpolation.

    Raises:
        ValueError: The spec names an unknown interpolation.
    """
    if spec.interpolation not in _RESAMPLING:
        known = ", ".join(_RESAMPLING)
        raise ValueError(f"interpolation {spec.interpolation!r} is unknown: use one of {known}")
    return _RESAMPLING[spec.interpolation]


def needed_size(size: Size, spec: InputSpec) -> Size:
    """The smallest copy of an upright picture that `fit` can use without enlarging it."""
    width, height = size
    if spec.resize_mode is ResizeMode.SQUASH:
        return spec.width, spec.height
    covers = spec.resize_mode is ResizeMode.CROP
    is_taller = width * spec.height <= height * spec.width
    if is_taller == covers:
        return spec.width, -(-spec.width * height // width)
    return -(-spec.height * width // height), spec.height


def shrink(image: Image.Image, needed: Size, tones: Tones) -> Image.Image:
    """Flat copy (L, RGB or CMYK), box-averaged while it stays `REDUCING_GAP` times `needed`.

    A picture that needs conversion is taken in bands of rows, so that the full-size RGB never
    exists.
    """
    width, height = image.size
    across = max(1, width // (needed[0] * REDUCING_GAP))
    down = max(1, height // (needed[1] * REDUCING_GAP))
    rows = max(1, _BAND_PIXELS // width // down) * down
    if rows >= height or is_flat(image):
        return _reduced(flatten(image, tones), across, down)
    parts = []
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(top + rows, height)))
        parts.append(_reduced(flatten(band, tones), across, down))
    small = Image.new(parts[0].mode, (parts[0].width, sum(part.height for part in parts)))
    for index, part in enumerate(parts):
        small.paste(part, (0, index * parts[0].height))
    return small


def fit(
    image: Image.Image,
    size: Size,
    spec: InputSpec,
    to_rgb: Callable[[Image.Image], Image.Image],
) -> Image.Image:
    """RGB picture of exactly the spec's size; `to_rgb` is applied before a border is added.

    `image` shows a picture whose true size is `size`, maybe smaller and rounded.

    Raises:
        ValueError: The spec names an unknown interpolation.
    """
    filter_ = resampling(spec)
    wanted = (spec.width, spec.height)
    if spec.resize_mode is ResizeMode.CROP:
        left, top, right, bottom = _crop_box(size, wanted)
        across, down = image.width / size[0], image.height / size[1]
        end = (min(image.width, right * across), min(image.height, bottom * down))
        box = (left * across, top * down, *end)
        return to_rgb(image.resize(wanted, filter_, box=box))
    if spec.resize_mode is ResizeMode.SQUASH:
        return to_rgb(image if image.size == wanted else image.resize(wanted, filter_))
    inner = to_rgb(image.resize(_inside(size, wanted), filter_))
    canvas = Image.new("RGB", wanted, spec.fill)
    canvas.paste(inner, ((wanted[0] - inner.width) // 2, (wanted[1] - inner.height) // 2))
    return canvas


def _reduced(image: Image.Image, across: int, down: int) -> Image.Image:
    return image.reduce((across, down)) if across > 1 or down > 1 else image


def _inside(size: Size, wanted: Size) -> Size:
    """The largest size of the same shape inside `wanted`."""
    scale = min(wanted[0] / size[0], wanted[1] / size[1])
    return (
        min(wanted[0], max(1, round(size[0] * scale))),
        min(wanted[1], max(1, round(size[1] * scale))),
    )


def _crop_box(size: Size, wanted: Size) -> tuple[float, float, float, float]:
    """The part of the picture that `wanted` shows, centred, in source pixels.

    Rounds as torchvision's Resize (shorter side) and CenterCrop do, so that a model sees what
    it saw in training.
    """
    width, height = size
    across, down = wanted
    if width * down <= height * across:
        scaled = (across, max(down, int(across * height / width)))
    else:
        scaled = (max(across, int(down * width / height)), down)
    left = round((scaled[0] - across) / 2) * width / scaled[0]
    top = round((scaled[1] - down) / 2) * height / scaled[1]
    return (
        left,
        top,
        left + across * width / scaled[0],
        top + down * height / scaled[1],
    )
