"""Makes folders of distinct JPEGs out of scikit-image's photographs."""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image

NAMES = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png")


def source_photos() -> list[Image.Image]:
    """The photographs that scikit-image ships, as RGB."""
    import skimage.data

    folder = Path(skimage.data.__file__).parent
    files = [folder / name for name in NAMES if (folder / name).is_file()]
    return [Image.open(file).convert("RGB") for file in files]


def make_photos(folder: Path, count: int, side: int, seed: int = 0) -> None:
    """Write `count` JPEGs, `side` pixels on the longer edge, no two with equal bytes.

    Each is a random crop of one photograph, mirrored half of the time. Existing files are kept,
    so that a folder made once serves many runs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    photos = source_photos()
    for number in range(count):
        file = folder / f"{number // 1000:03d}" / f"{number:06d}.jpg"
        photo = rng.choice(photos)
        scale = rng.uniform(0.6, 0.95)
        width, height = int(photo.width * scale), int(photo.height * scale)
        left = rng.randint(0, photo.width - width)
        top = rng.randint(0, photo.height - height)
        mirrored = rng.random() < 0.5
        if file.exists():
            continue
        picture = photo.crop((left, top, left + width, top + height))
        if mirrored:
            picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        ratio = side / max(width, height)
        size = (round(width * ratio), round(height * ratio))
        file.parent.mkdir(exist_ok=True)
        picture.resize(size, Image.Resampling.BICUBIC).save(
            file, quality=88, comment=str(number).encode()
        )
