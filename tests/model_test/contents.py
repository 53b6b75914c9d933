"""What files hold: bytes made from a short recipe, and what the fake models see in them."""

from __future__ import annotations

import io
import random
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray
from PIL import Image

from mmsearch.errors import MediaError
from mmsearch.media.decode import decode
from mmsearch.media.limits import DecodeLimits
from tests.fakes import COLOURS, FAKE_INPUT, FakeModels
from tests.model_changes import two_models

SIZE_PX = 16
BAD_KINDS = ("garbage", "cut", "empty")
KINDS = ("PNG", "BMP", "JPEG")
SUFFIXES = (".png", ".jpg", ".bmp")


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes as a recipe.

    All BMP files have one size, and a PNG of a colour and seed has the pixels of the BMP: so there
    are changes that keep a size, and different files of one embedding. A name says nothing of the
    kind: any recipe may lie under any suffix.
    """

    kind: str
    colour: str
    seed: int

    @classmethod
    def drawn(cls, rng: random.Random, *, bad: bool = False) -> Self:
        """A random one; few seeds, so that equal bytes are frequent."""
        kind = rng.choice(BAD_KINDS if bad else KINDS)
        return cls(kind, rng.choice(list(COLOURS)), rng.randrange(12))

    def shape(self) -> dict[str, str | int]:
        """The recipe as JSON."""
        return asdict(self)


@lru_cache(maxsize=4096)
def data_of(content: Content) -> bytes:
    """The bytes of a recipe."""
    if content.kind == "empty":
        return b""
    if content.kind == "garbage":
        return b"no picture %d of %s" % (content.seed, content.colour.encode())
    noise = np.random.default_rng(content.seed).integers(-40, 41, (SIZE_PX, SIZE_PX, 3))
    pixels = np.clip(np.array(COLOURS[content.colour]) + noise, 0, 255).astype(np.uint8)
    stream = io.BytesIO()
    kind = "PNG" if content.kind == "cut" else content.kind
    Image.fromarray(pixels).save(stream, kind)
    data = stream.getvalue()
    return data[: len(data) // 2] if content.kind == "cut" else data


@dataclass(frozen=True, slots=True)
class Seen:
    """What a file of some bytes is to the library: pixels `(h, w, 3)`, or why it has none."""

    pixels: NDArray[np.uint8] | None
    reason: str


class Contents:
    """All bytes that ever were on disk, by digest."""

    def __init__(self) -> None:
        self._data: dict[str, bytes] = {}
        self._seen: dict[str, Seen] = {}
        self._rows: dict[tuple[str, str], NDArray[np.float16]] = {}
        self._models: FakeModels = two_models()

    def add(self, data: bytes) -> str:
        """The hexadecimal BLAKE3 of some bytes, which are remembered."""
        digest = blake3(data).hexdigest()
        self._data[digest] = data
        return digest

    def seen(self, digest: str) -> Seen:
        """What the decoder makes of a file."""
        if digest not in self._seen:
            try:
                picture = decode(self._data[digest], FAKE_INPUT, DecodeLimits())
            except MediaError as exc:
                self._seen[digest] = Seen(None, str(exc))
            else:
                self._seen[digest] = Seen(picture.pixels, "")
        return self._seen[digest]

    def image_row(self, model: str, digest: str) -> NDArray[np.float16]:
        """The embedding `(d,)` of a picture as the catalogue is to keep it."""
        key = (model, f"image {digest}")
        if key not in self._rows:
            pixels = self.seen(digest).pixels
            assert pixels is not None, f"{digest} is no picture, it has no embedding"
            encoder = self._models.load(model)
            self._rows[key] = _stored(encoder.encode_images(pixels[np.newaxis])[0])
        return self._rows[key]

    def text_row(self, model: str, text: str) -> NDArray[np.float16]:
        """The embedding `(d,)` of a caption as the catalogue is to keep it."""
        key = (model, f"text {text}")
        if key not in self._rows:
            self._rows[key] = _stored(self.asked_text(model, text))
        return self._rows[key]

    def asked_text(self, model: str, text: str) -> NDArray[np.float32]:
        """The embedding `(d,)` of a question in words."""
        return np.asarray(self._models.load(model).encode_texts([text])[0])

    def asked_picture(self, model: str, digest: str) -> NDArray[np.float32]:
        """The embedding `(d,)` of a picture that is asked with and has none in the catalogue."""
        pixels = self.seen(digest).pixels
        assert pixels is not None, f"{digest} is no picture, nothing can be asked with it"
        return np.asarray(self._models.load(model).encode_images(pixels[np.newaxis])[0])


def _stored(row: NDArray[np.float32]) -> NDArray[np.float16]:
    return np.asarray(row / np.linalg.norm(row), np.float16)
