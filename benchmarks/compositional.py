"""Does the right caption beat its twin with two words exchanged, for the same picture?

The dual encoder's cosine and the cross encoder's logit judge the same pairs. Twins of two nouns are
often nonsense that no picture is needed to see through; those of two colours mostly are not.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.captioned import DATA, read_split
from benchmarks.record import Row, record
from mmsearch.config import load_settings
from mmsearch.encoders import EncoderOptions, load_dual_encoder
from mmsearch.encoders.sources import SHIPPED, shipped_directory
from mmsearch.media.decode import decode_file
from mmsearch.media.decode_limits import DecodeLimits
from mmsearch.rerank import CrossEncoderOptions, find_reranker, load_cross_encoder
from mmsearch.training.reranker.swaps import COLOURS, swapped_twins

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Trial:
    """A caption, its wrong twin and the picture they are held against."""

    picture: Path
    caption: str
    twin: str
    colours: bool


def main() -> None:
    """Judge captions of pictures drawn at random from a split."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="60 captions")
    parser.add_argument("--data", type=Path, default=DATA, help="holds flickr8k/")
    parser.add_argument("--split", default="test")
    parser.add_argument("--captions", type=int, default=300)
    parser.add_argument("--reranker", type=Path, default=shipped_directory() / "reranker")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not (options.data / "flickr8k").is_dir():
        raise SystemExit(f"{options.data}: no flickr8k; give the folder with --data")
    trials = draw(options.data, options.split, options.seed)
    trials = trials[: 60 if options.quick else options.captions]
    dual, cross = judge(trials, options.reranker)
    colours = np.array([trial.colours for trial in trials])
    rows = [
        Row(f"{name}, {what} ({int(chosen.sum())})", 100 * float(right[chosen].mean()), "% right")
        for what, chosen in (
            ("all", np.ones_like(colours)),
            ("two colours", colours),
            ("two nouns", ~colours),
        )
        for name, right in (("dual encoder", dual), ("cross encoder", cross))
        if chosen.any()
    ]
    parameters = {"split": options.split, "n": len(trials), "seed": options.seed}
    record("compositional", str(__doc__), parameters, rows)


def draw(data: Path, split: str, seed: int) -> list[Trial]:
    """One trial of each picture that has one, in random order, two colours first."""
    rng = np.random.default_rng(seed)
    trials = []
    for picture in read_split(data / "flickr8k" / "dataset_flickr8k.json", split):
        pairs = [(caption, twin) for caption in picture.captions for twin in swapped_twins(caption)]
        found = [Trial(picture.path, c, t, _are_colours(c, t)) for c, t in pairs]
        best = [trial for trial in found if trial.colours] or found
        if best:
            trials.append(best[rng.integers(len(best))])
    order = rng.permutation(len(trials))
    shuffled = [trials[place] for place in order]
    half = [trial for trial in shuffled if trial.colours][:150]
    return half + [trial for trial in shuffled if not trial.colours]


def judge(trials: Sequence[Trial], reranker: Path) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each encoder scores the caption `(n,)` above its twin."""
    source = find_reranker(reranker)
    if source is None:
        raise SystemExit(f"{reranker} holds no reranker")
    settings = load_settings()
    options = EncoderOptions(settings.cache, settings.device)
    encoder = load_dual_encoder(SHIPPED, options, source.projection)
    cross = load_cross_encoder(source, CrossEncoderOptions(settings.cache, settings.device))
    limits, dual_right, cross_right = DecodeLimits(), [], []
    for start in range(0, len(trials), _BATCH):
        part = trials[start : start + _BATCH]
        pixels = [decode_file(t.picture, encoder.space.input, limits).pixels for t in part]
        images, regions = encoder.encode_with_regions(np.stack(pixels))
        texts = [t.caption for t in part] + [t.twin for t in part]
        cosines = (encoder.encode_texts(texts) * np.concatenate([images, images])).sum(1)
        rows = np.arange(2 * len(part))
        logits = cross.score(texts, regions, np.stack([rows, rows % len(part)], 1))
        dual_right.append(cosines[: len(part)] > cosines[len(part) :])
        cross_right.append(logits[: len(part)] > logits[len(part) :])
    return np.concatenate(dual_right), np.concatenate(cross_right)


def _are_colours(caption: str, twin: str) -> bool:
    """Whether the words that were exchanged are colours."""
    before, after = caption.lower().split(), twin.lower().split()
    moved = {one for one, other in zip(before, after, strict=False) if one != other}
    return bool(moved) and moved <= COLOURS


if __name__ == "__main__":
    main()
