"""Does the model know the world beyond Flickr8k, and more of it than linear heads alone?"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.captioned import DATA, read_split
from benchmarks.record import Row, record
from mmsearch.config import load_settings
from mmsearch.encoders import EncoderOptions, load_dual_encoder
from mmsearch.media.decode import decode_file
from mmsearch.media.decode_limits import DecodeLimits
from mmsearch.protocols import DualEncoder
from mmsearch.types import Embeddings

KINDS = {
    "COCO captions": ("coco",),
    "object names": ("animals151", "caltech101", "imagen", "ikea"),
    "food titles": ("food",),
    "landscapes": ("landscape",),
    "scenes, flowers, weather, sports": ("intel", "houses", "flowers102", "weather", "sports6"),
}
KS = (1, 5, 10)
_BATCH = 64


@dataclass(frozen=True, slots=True)
class Picture:
    """One validation picture; `source` begins its name, `caption` is its first."""

    path: Path
    source: str
    caption: str


def main() -> None:
    """Recall of each model on the validation pictures of photos_mix among those of Flickr8k."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="every tenth picture")
    parser.add_argument("--data", type=Path, default=DATA, help="holds flickr8k/, photos_mix/")
    parser.add_argument("--model", default="mini")
    parser.add_argument("--baseline", help="another model: the recipe's OUT-baseline")
    options = parser.parse_args()
    if not (options.data / "photos_mix").is_dir():
        raise SystemExit(f"{options.data}: no photos_mix; give the folder with --data")
    step = 10 if options.quick else 1
    mix = read(options.data, "photos_mix")[::step]
    others = read(options.data, "flickr8k")[::step]
    rows: list[Row] = []
    for name in filter(None, (options.baseline, options.model)):
        rows += measure(name, mix, others)
    sizes = {"n_queries": len(mix), "n_images": len(mix) + len(others)}
    record("breadth", str(__doc__), {**sizes, "split": "val"}, rows)


def read(data: Path, name: str) -> list[Picture]:
    """The validation pictures of a set."""
    return [
        Picture(picture.path, picture.path.name.partition("_")[0], picture.captions[0])
        for picture in read_split(data / name / f"dataset_{name}.json", "val")
    ]


def measure(model: str, mix: Sequence[Picture], others: Sequence[Picture]) -> list[Row]:
    """R@K of the captions of `mix`, searched among all pictures, in all and by kind.

    A picture whose caption reads the same is a hit too: labels repeat.
    """
    settings = load_settings()
    encoder = load_dual_encoder(model, EncoderOptions(settings.cache, settings.device))
    gallery = embed(encoder, [*mix, *others])
    scores = encoder.encode_texts([picture.caption for picture in mix]) @ gallery.T
    texts = np.array([picture.caption.lower() for picture in mix])
    right = np.zeros(scores.shape, np.bool_)
    right[:, : len(mix)] = texts[:, None] == texts[None]
    best = np.where(right, scores, -np.inf).max(1, keepdims=True)
    ranks = (scores > best).sum(1)
    sources = np.array([picture.source for picture in mix])
    label = Path(model).name
    return [
        *_recalls(f"{label}: all", ranks),
        *(
            row
            for kind, names in KINDS.items()
            for row in _recalls(f"{label}: {kind}", ranks[np.isin(sources, names)])
        ),
    ]


def embed(encoder: DualEncoder, pictures: Sequence[Picture]) -> Embeddings:
    """Embeddings `(n, d)` of pictures, decoded two at a time."""
    limits = DecodeLimits()

    def pixels(picture: Picture) -> NDArray[np.uint8]:
        return decode_file(picture.path, encoder.space.input, limits).pixels

    with ThreadPoolExecutor(2) as pool:
        parts = [
            encoder.encode_images(np.stack(list(pool.map(pixels, pictures[at : at + _BATCH]))))
            for at in range(0, len(pictures), _BATCH)
        ]
    return np.concatenate(parts)


def _recalls(name: str, ranks: NDArray[np.int64]) -> Iterator[Row]:
    for k in KS:
        if len(ranks):
            yield Row(f"{name} ({len(ranks)}) R@{k}", 100 * float(np.mean(ranks < k)), "%")


if __name__ == "__main__":
    main()
