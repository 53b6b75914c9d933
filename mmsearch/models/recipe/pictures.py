"""The training pictures, their captions and their augmented views."""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from .overlays import with_writing

FLICKR = "flickr8k"
MIX = "photos_mix"


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a caption file in the Karpathy format."""

    path: Path
    source: str
    split: str
    captions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ViewConfig:
    """The views of a picture: the plain squashed one, then crops, then ones written over."""

    size: int = 288
    crops: int = 3
    written: int = 2
    min_area: float = 0.5
    log_aspect: float = 0.25
    jitter: tuple[float, float] = (0.75, 1.3)
    seed: int = 10

    @property
    def count(self) -> int:
        """How many views there are of each picture."""
        return 1 + self.crops + self.written


def read_pictures(data: Path, splits: frozenset[str]) -> list[Picture]:
    """The pictures of Flickr8k and photos_mix in `splits`, in file order, Flickr8k first."""
    pictures = []
    for name in (FLICKR, MIX):
        folder = data / name
        text = (folder / f"dataset_{name}.json").read_text(encoding="utf-8")
        for row in json.loads(text)["images"]:
            if row["split"] in splits:
                captions = tuple(s["raw"].strip() for s in row["sentences"])
                source = str(row.get("source", FLICKR))
                path = folder / "images" / row["filename"]
                pictures.append(Picture(path, source, row["split"], captions))
    return pictures


def load_view(picture: Picture, number: int, view: int, config: ViewConfig) -> NDArray[np.uint8]:
    """View `view` of picture `number`: plain for 0, then `crops` crops, then written-over ones.

    A crop keeps 50 to 100 % of the area, is mirrored half of the time and its brightness,
    contrast and saturation are each changed half of the time. A written-over view is the plain
    picture under a few short strings. Every view is squashed to the square, as the model sees
    pictures.

    Returns:
        (size, size, 3) uint8 RGB.
    """
    with Image.open(picture.path) as file:
        image = file.convert("RGB")
    rng = random.Random(number * config.seed + view)  # noqa: S311  augmentation, not secrets
    if 0 < view <= config.crops:
        image = _jitter(_crop(image, config, rng), config, rng)
    square = image.resize((config.size, config.size), Image.Resampling.BICUBIC)
    if view > config.crops:
        square = with_writing(square, rng)
    return np.asarray(square, dtype=np.uint8)


def _crop(image: Image.Image, config: ViewConfig, rng: random.Random) -> Image.Image:
    area = rng.uniform(config.min_area, 1.0)
    aspect = math.exp(rng.uniform(-config.log_aspect, config.log_aspect))
    width = min(image.width, int(image.width * math.sqrt(area * aspect)))
    height = min(image.height, int(image.height * math.sqrt(area / aspect)))
    left = rng.randint(0, image.width - width)
    top = rng.randint(0, image.height - height)
    return image.crop((left, top, left + width, top + height))


def _jitter(image: Image.Image, config: ViewConfig, rng: random.Random) -> Image.Image:
    if rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        if rng.random() < 0.5:
            image = enhance(image).enhance(rng.uniform(*config.jitter))
    return image
