"""How long do N pairs take a warm cross encoder, beside the same question without reranking?"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.record import Row, record
from mmsearch.encoders import EncoderOptions, load_dual_encoder
from mmsearch.encoders.sources import SHIPPED, shipped_directory
from mmsearch.protocols import CrossEncoder
from mmsearch.rerank import (
    CrossEncoderOptions,
    RerankerConfig,
    RerankerFacts,
    RerankerSource,
    find_reranker,
    load_cross_encoder,
    region_projection,
    save_reranker,
)
from mmsearch.rerank_types import NO_QUESTIONS, Fusion, RegionCodes
from mmsearch.vectors.ranking import nearest_by_scan
from mmsearch.vectors.recipes import recipe_for
from mmsearch.vectors.rows import Rows

DEPTHS = (10, 20, 50, 100)
N_PICTURES, K, SEED = 31_783, 100, 0
SENTENCE = "a brown dog runs over the wet sand while two children in red shirts watch from a boat"


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of one thing, done again and again: by the clock, and of all processors."""

    wall: NDArray[np.float64]
    processor: NDArray[np.float64]

    def rows(self, name: str) -> list[Row]:
        """Median, 95th percentile and processor time, in milliseconds."""
        return [
            Row(f"{name}, p50", 1000 * float(np.median(self.wall)), "ms"),
            Row(f"{name}, p95", 1000 * float(np.quantile(self.wall, 0.95)), "ms"),
            Row(f"{name}, work", 1000 * float(np.median(self.processor)), "ms of a processor"),
        ]


def main() -> None:
    """Ask questions of other words each time; the machine's own load is part of the clock's."""
    options = arguments()
    runs = 10 if options.quick else 100
    with tempfile.TemporaryDirectory() as temporary:
        source = the_source(options, Path(temporary))
        settings = CrossEncoderOptions(Path(temporary), "cpu", options.precision)
        encoder = load_cross_encoder(source, settings)
        ask = plain_question(Path(temporary))
        measured = measure(runs, lambda number: ask(sentence(number))).rows("no rerank")
        for depth in DEPTHS[: 2 if options.quick else None]:
            for name, way in (("pictures", pictures_way), ("captions", captions_way)):
                measured += measure(runs, way(encoder, depth)).rows(f"{depth} {name}")
    config = {} if options.reranker else sizes(options).to_json()
    name = options.reranker.name if options.reranker else "random"
    parameters = {"reranker": name, "runs": runs, "seed": SEED}
    record("rerank_latency", str(__doc__), parameters | config, measured)


def arguments() -> argparse.Namespace:
    """What is measured: the shipped reranker or another, else random weights of some size."""
    shipped = shipped_directory() / "reranker"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--reranker", type=Path, default=shipped if shipped.is_dir() else None)
    parser.add_argument("--random", dest="reranker", action="store_const", const=None)
    parser.add_argument("--precision", choices=["auto", "fp32", "bf16"], default="auto")
    parser.add_argument("--arrangement", choices=["lxmert", "vilbert"], default="lxmert")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--side", type=int, default=6)
    parser.add_argument("--region-layers", type=int, default=1)
    parser.add_argument("--cross-layers", type=int, default=2)
    return parser.parse_args()


def sizes(options: argparse.Namespace) -> RerankerConfig:
    """The network of random weights that was asked for; a picture's codes fit into 4 KB."""
    return RerankerConfig(
        arrangement=options.arrangement,
        width=options.width,
        heads=options.width // 32,
        region_layers=options.region_layers,
        cross_layers=options.cross_layers,
        rows=options.side,
        columns=options.side,
        channels=4096 // options.side**2,
    )


def the_source(options: argparse.Namespace, work: Path) -> RerankerSource:
    """The reranker that is measured."""
    if options.reranker is not None:
        found = find_reranker(options.reranker)
        if found is None:
            raise SystemExit(f"{options.reranker} holds no reranker")
        return found
    from mmsearch.rerank.network import RerankNetwork

    config = sizes(options)
    weight = np.zeros((config.channels, 8), np.float32)
    projection = region_projection(("visual",), config.rows, config.columns, weight, weight[:, 0])
    facts = RerankerFacts("", SHIPPED, projection, Fusion(1.0, 1.0), NO_QUESTIONS, 0.0)
    tokenizer = (shipped_directory() / "tokenizer.json").read_bytes()
    return save_reranker(RerankNetwork(config), facts, tokenizer, work / "random")


def plain_question(work: Path) -> Callable[[str], object]:
    """What a question costs anyway: its embedding, and exact search in Flickr30k's number."""
    dual = load_dual_encoder(SHIPPED, EncoderOptions(work, "cpu"))
    gallery = np.random.default_rng(SEED).standard_normal((N_PICTURES, dual.space.dim))
    rows = Rows.empty(recipe_for(0), dual.space.dim)
    rows.append(np.arange(N_PICTURES), gallery.astype(np.float32))
    return lambda text: nearest_by_scan(rows, dual.encode_texts([text]), K, None)


def pictures_way(encoder: CrossEncoder, depth: int) -> Callable[[int], object]:
    """One text beside `depth` pictures."""
    codes = random_codes(encoder, depth)
    pairs = np.stack([np.zeros(depth, np.int64), np.arange(depth)], axis=1)
    return lambda number: encoder.score([sentence(number)], codes, pairs)


def captions_way(encoder: CrossEncoder, depth: int) -> Callable[[int], object]:
    """`depth` texts beside one picture."""
    codes = random_codes(encoder, 1)
    pairs = np.stack([np.arange(depth), np.zeros(depth, np.int64)], axis=1)
    return lambda number: encoder.score(
        [sentence(number + caption) for caption in range(depth)], codes, pairs
    )


def random_codes(encoder: CrossEncoder, count: int) -> RegionCodes:
    """Codes `(count, r, c)` of pictures that nobody took."""
    shape = (count, encoder.projection.n_regions, encoder.projection.dim)
    return np.random.default_rng(SEED).integers(-90, 91, shape).astype(np.int8)


def sentence(number: int) -> str:
    """A text of 6 to 17 words, 10 most of the time, never the same as the last one."""
    rng = np.random.default_rng(number)
    return " ".join(rng.permutation(SENTENCE.split())[: int(np.clip(rng.normal(10.5, 2.5), 6, 17))])


def measure(runs: int, way: Callable[[int], object]) -> Times:
    """How long `way` takes, after some runs that are not counted."""
    wall, processor = [], []
    for number in range(-10, runs):
        before = time.perf_counter(), time.process_time()
        way(number + 10)
        if number >= 0:
            wall.append(time.perf_counter() - before[0])
            processor.append(time.process_time() - before[1])
    return Times(np.array(wall), np.array(processor))


if __name__ == "__main__":
    main()
