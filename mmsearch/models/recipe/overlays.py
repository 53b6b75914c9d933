"""Writing laid over a picture: what the picture shows must not change with it."""

from __future__ import annotations

import math
import random
import string

from PIL import Image, ImageDraw, ImageFont

_WORDS = ("top", "left", "sale", "photo", "2024", "12:30", "copyright", "draft", "no. 5", "www")
_GLYPHS = string.digits * 3 + string.ascii_letters
_MOST = 5
_PLATE = 4  # strings are drawn this many times larger than needed at the least, then shrunk


def with_writing(image: Image.Image, rng: random.Random) -> Image.Image:
    """A copy of `image` with one to five short strings written on it.

    Digits, letters and words in white, black or a colour, with or without an outline, upright,
    4 to 28 % of the height, anywhere, now and then stretched or half transparent: date stamps,
    watermarks, signs, numbers.
    """
    result = image.copy()
    for _ in range(rng.randint(1, _MOST)):
        _write(result, _string(rng), rng)
    return result


def _string(rng: random.Random) -> str:
    if rng.random() < 0.6:
        return "".join(rng.choice(_GLYPHS) for _ in range(1 if rng.random() < 0.6 else 3))
    return rng.choice(_WORDS)


def _write(image: Image.Image, text: str, rng: random.Random) -> None:
    height = max(6, round(image.height * math.exp(rng.uniform(math.log(0.04), math.log(0.28)))))
    plate = _plate(text, rng)
    width = round(height * plate.width / plate.height * math.exp(rng.uniform(-0.4, 0.4)))
    width = max(4, min(width, image.width))
    plate = plate.resize((width, height), Image.Resampling.BICUBIC)
    x = rng.randint(0, max(0, image.width - width))
    y = rng.randint(0, max(0, image.height - height))
    image.paste(plate, (x, y), plate.getchannel("A"))


def _plate(text: str, rng: random.Random) -> Image.Image:
    """The string alone, on transparent ground."""
    size = 16 * _PLATE
    font = ImageFont.load_default(size)
    outline = rng.choice((0, 0, 2, 4))
    left, top, right, bottom = font.getbbox(text, stroke_width=outline)
    area = (math.ceil(right - left) + 2, math.ceil(bottom - top) + 2)
    plate = Image.new("RGBA", area, (0, 0, 0, 0))
    shade = rng.random()
    colour = (255, 255, 255) if shade < 0.6 else (0, 0, 0) if shade < 0.8 else _colour(rng)
    edge = (0, 0, 0) if sum(colour) > 380 else (255, 255, 255)
    alpha = 255 if rng.random() < 0.7 else rng.randint(120, 255)
    ImageDraw.Draw(plate).text(
        (1 - left, 1 - top),
        text,
        font=font,
        fill=(*colour, alpha),
        stroke_width=outline,
        stroke_fill=(*edge, alpha),
    )
    return plate


def _colour(rng: random.Random) -> tuple[int, int, int]:
    return rng.randrange(256), rng.randrange(256), rng.randrange(256)
