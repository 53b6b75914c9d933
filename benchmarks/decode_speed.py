"""How much faster are JPEGs brought to a model's input than by Pillow's full decode + bicubic?"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.in_turn import in_turn
from benchmarks.large_photos import LARGE, large_photos
from benchmarks.plot import bar_plot
from benchmarks.record import Row, record
from mmsearch.config import load_settings
from mmsearch.encoders import EncoderOptions, load_dual_encoder
from mmsearch.media.decode import DecodeLimits, decode
from mmsearch.types import InputSpec, ResizeMode

VIT = InputSpec(224, 224, ResizeMode.CROP)
ONE_MEGAPIXEL = 1_000_000
BARS = {"12 MP": 7.0, "1 MP": 2.0}


def plainly(data: bytes, spec: InputSpec) -> NDArray[np.uint8]:
    """What everybody does: decode it all, one bicubic resize, crop the middle."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    if spec.resize_mode is ResizeMode.SQUASH:
        return np.asarray(image.resize((spec.width, spec.height), Image.Resampling.BICUBIC))
    scale = max(spec.width / image.width, spec.height / image.height)
    size = (round(image.width * scale), round(image.height * scale))
    image = image.resize(size, Image.Resampling.BICUBIC)
    left, top = (size[0] - spec.width) // 2, (size[1] - spec.height) // 2
    return np.asarray(image.crop((left, top, left + spec.width, top + spec.height)))


def draft_alone(data: bytes, spec: InputSpec) -> NDArray[np.uint8]:
    """The least that libjpeg can do: parse every coefficient, transform what is needed."""
    image = Image.open(io.BytesIO(data))
    image.decodermaxblock = len(data)  # in one piece, which is 3 % faster than 64 KB at a time
    image.draft("RGB", (spec.width, spec.height))
    return np.asarray(image)


def smaller(data: bytes, pixels: int) -> bytes:
    """The same photo as a JPEG of about so many pixels."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    scale = (pixels / (image.width * image.height)) ** 0.5
    out = io.BytesIO()
    size = (round(image.width * scale), round(image.height * scale))
    image.resize(size, Image.Resampling.LANCZOS).save(out, "JPEG", quality=90)
    return out.getvalue()


def compare(data: bytes, spec: InputSpec, runs: int) -> tuple[float, float, float, float]:
    """Median ms of our way and of Pillow's, and the median ratios of ours and of draft alone."""
    limits = DecodeLimits()
    ours, plain, draft = in_turn(
        runs,
        lambda: decode(data, spec, limits),
        lambda: plainly(data, spec),
        lambda: draft_alone(data, spec),
        clock=time.thread_time,
    )
    ratio = statistics.median(b / a for a, b in zip(ours, plain, strict=True))
    bound = statistics.median(b / a for a, b in zip(draft, plain, strict=True))
    return 1000 * statistics.median(ours), 1000 * statistics.median(plain), ratio, bound


def smallest_cosine(files: list[bytes]) -> float:
    """Of the embeddings of both ways, over all photos, by the shipped model."""
    encoder = load_dual_encoder("mini", EncoderOptions(load_settings().cache, device="cpu"))
    spec, limits = encoder.space.input, DecodeLimits()
    ours = encoder.encode_images(np.stack([decode(data, spec, limits).pixels for data in files]))
    plain = encoder.encode_images(np.stack([plainly(data, spec) for data in files]))
    return float(np.einsum("nd,nd->n", ours, plain).min())


def main() -> None:
    """Measure each photo in both input sizes, as it is and at one megapixel."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--photos", type=Path, default=LARGE, help="camera JPEGs to decode")
    options = parser.parse_args()
    runs = 3 if options.quick else 15
    large = [file.read_bytes() for file in large_photos(options.photos)]
    sets = {
        "all large": large,
        "12 MP": [data for data in large if _megapixels(data) == 12] or large[:1],
        "1 MP": [smaller(data, ONE_MEGAPIXEL) for data in large],
    }
    rows: list[Row] = []
    for model, spec in (("288 squashed", InputSpec(288, 288)), ("224 cropped", VIT)):
        for name, files in sets.items():
            found = [compare(data, spec, runs) for data in files]
            ours, plain, ratio, bound = (
                statistics.median(part) for part in zip(*found, strict=True)
            )
            label = f"{name}, {model}"
            rows += [
                Row(f"{label}: mmsearch", ours, "ms of a processor, median"),
                Row(f"{label}: full decode + bicubic", plain, "ms likewise"),
                Row(f"{label}: ratio", ratio, "x", BARS.get(name)),
                Row(f"{label}: ratio of libjpeg's scaled decode alone", bound, "x, the limit"),
            ]
    for name in ("all large", "1 MP"):
        rows.append(Row(f"{name}: smallest cosine", smallest_cosine(sets[name]), "", 0.99))
    record("decode_speed", str(__doc__), {"photos": len(large), "runs": runs}, rows)
    ratios = {row.name.removesuffix(": ratio"): row.value for row in rows if ": ratio" in row.name}
    bar_plot("decode_speed", "Faster than full decode + bicubic", ratios, "times")


def _megapixels(data: bytes) -> int:
    width, height = Image.open(io.BytesIO(data)).size
    return round(width * height / 1e6)


if __name__ == "__main__":
    main()
