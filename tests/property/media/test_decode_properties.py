"""Whatever the bytes, decoding ends in a picture of the right shape or in a MediaError."""

from __future__ import annotations

import functools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageFilter

from mmsearch.errors import MediaError
from mmsearch.media.decode import decode, decode_reference
from mmsearch.media.geometry import fit, needed_size
from mmsearch.types import InputSpec, ResizeMode
from tests.unit.media.samples import LIMITS, difference, encoded, scene

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "TGA")
SIDES = st.integers(1, 60)
SPECS = st.builds(InputSpec, SIDES, SIDES, st.sampled_from(ResizeMode))


@functools.lru_cache
def sample(file_format: str) -> bytes:
    return encoded(scene(64, 48), file_format)


def decodes_or_refuses(data: bytes, spec: InputSpec) -> None:
    try:
        picture = decode(data, spec, LIMITS)
    except MediaError as exc:
        reason = str(exc)
    else:
        reason = "decoded"
        assert picture.pixels.shape == (spec.height, spec.width, 3)
        assert picture.pixels.dtype == np.uint8
    assert 0 < len(reason) < 200
    assert reason.isprintable()


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(FORMATS), st.data())
def test_damaged_files_are_decoded_or_refused(file_format: str, data: st.DataObject) -> None:
    """A few bytes anywhere in a sound file are overwritten, then its end is cut off."""
    damaged = bytearray(sample(file_format))
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(damaged)))
    decodes_or_refuses(bytes(damaged[:end]), InputSpec(8, 8))
    decodes_or_refuses(bytes(damaged), InputSpec(8, 8))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", *map(sample, FORMATS)]))
def test_noise_behind_any_signature_is_decoded_or_refused(noise: bytes, start: bytes) -> None:
    decodes_or_refuses(start[:24] + noise, InputSpec(8, 8))


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), SPECS)
def test_any_size_fits_any_input_without_enlarging_what_is_needed(
    width: int, height: int, spec: InputSpec
) -> None:
    """The needed size lies inside the picture's own shape and covers what `fit` shows."""
    image = scene(width, height)
    assert fit(image, image.size, spec, lambda same: same).size == (spec.width, spec.height)
    across, down = needed_size((width, height), spec)
    if spec.resize_mode is ResizeMode.CROP:
        assert across >= spec.width
        assert down >= spec.height
    else:
        assert 1 <= across <= spec.width
        assert 1 <= down <= spec.height


@settings(max_examples=60, deadline=None)
@given(
    st.integers(64, 900),
    st.integers(64, 900),
    st.builds(InputSpec, st.integers(16, 60), st.integers(16, 60), st.sampled_from(ResizeMode)),
    st.sampled_from(["JPEG", "PNG", "BMP"]),
)
def test_decode_agrees_with_the_reference_at_any_size(
    width: int, height: int, spec: InputSpec, file_format: str
) -> None:
    smooth = scene(width, height).filter(ImageFilter.GaussianBlur(max(width, height) / 30))
    data = encoded(smooth, file_format)
    quick, plain = decode(data, spec, LIMITS), decode_reference(data, spec, LIMITS)
    assert difference(quick.pixels, plain.pixels) < 4
    assert quick.metadata == plain.metadata
