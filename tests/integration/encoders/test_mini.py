"""What the shipped model promises beyond recall."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mmsearch.encoders import EncoderOptions, load_dual_encoder
from mmsearch.media.decode import decode
from mmsearch.media.decode_limits import DecodeLimits
from mmsearch.protocols import DualEncoder
from mmsearch.types import Embeddings

LEAST_COSINE = 0.98


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> DualEncoder:
    """The shipped model as it runs here."""
    return load_dual_encoder("mini", EncoderOptions(tmp_path_factory.mktemp("cache"), "cpu"))


def embed(model: DualEncoder, files: Sequence[bytes]) -> Embeddings:
    """Embeddings `(n, d)` of picture files."""
    spec = model.space.input
    return model.encode_images(np.stack([decode(f, spec, DecodeLimits()).pixels for f in files]))


def least_cosine(embeddings: Embeddings) -> float:
    """The least cosine of any two rows `(n, d)`."""
    return float((embeddings @ embeddings.T).min())


@pytest.mark.shared_data
@pytest.mark.parametrize("aspect", ["Landscape", "Portrait"])
def test_one_scene_embeds_alike_in_every_exif_orientation(
    mini: DualEncoder, shared_data: Path, aspect: str
) -> None:
    """Each file carries another digit in its middle: that must not count either."""
    paths = sorted((shared_data / "formats/exif_orientation").glob(f"{aspect}_*.jpg"))
    assert len(paths) == 9
    assert least_cosine(embed(mini, [path.read_bytes() for path in paths])) >= LEAST_COSINE


def test_a_date_stamp_does_not_change_what_a_picture_shows(mini: DualEncoder) -> None:
    """A stamped photograph stays far nearer to itself than to any other photograph."""
    import skimage.data

    names = ("chelsea.png", "coffee.png", "rocket.jpg")
    folder = Path(skimage.data.__file__).parent
    spec = mini.space.input
    plain = [decode((folder / name).read_bytes(), spec, DecodeLimits()).pixels for name in names]
    before = mini.encode_images(np.stack(plain))
    after = mini.encode_images(np.stack([stamped(pixels) for pixels in plain]))
    assert (before * after).sum(1).min() >= 0.93
    assert (before @ after.T)[~np.eye(len(names), dtype=np.bool_)].max() < 0.7


def stamped(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A copy `(h, w, 3)` with a date in its lower right corner."""
    image = Image.fromarray(pixels)
    place = (image.width * 0.55, image.height * 0.88)
    font = ImageFont.load_default(round(image.height * 0.08))
    ImageDraw.Draw(image).text(place, "2024-08-17", fill=(255, 180, 0), font=font)
    return np.asarray(image)
