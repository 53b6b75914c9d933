"""What does keeping region features as int8 cost in R@1, beside the same features as floats?"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.captioned import DATA, read_split
from benchmarks.record import Row, record
from mmsearch.config import load_settings
from mmsearch.encoders.sources import SHIPPED, resolve_model, shipped_directory
from mmsearch.encoders.taps import TappedTower
from mmsearch.encoders.torch_model import LoadedModel, load_torch_model
from mmsearch.media.decode import decode_file
from mmsearch.media.decode_limits import DecodeLimits
from mmsearch.rerank import RerankerSource, find_reranker, fused, hubness
from mmsearch.rerank.model_directory import load_network
from mmsearch.rerank.network import RerankNetwork
from mmsearch.rerank.tokenize import FileTokenizer
from mmsearch.rerank_types import RegionProjection
from mmsearch.types import Embeddings

DEPTH, _BATCH = 50, 32


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Embeddings of n pictures and of the captions that ask; `codes` `(n, r, c)` unrounded."""

    images: Embeddings
    codes: Tensor
    texts: Embeddings
    captions: list[str]
    owner: NDArray[np.int64]


def main() -> None:
    """Rerank the first hits of some captions twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100 pictures")
    parser.add_argument("--data", type=Path, default=DATA, help="holds flickr8k/")
    parser.add_argument("--split", default="test")
    parser.add_argument("--reranker", type=Path, default=shipped_directory() / "reranker")
    options = parser.parse_args()
    source = find_reranker(options.reranker)
    if source is None or not (options.data / "flickr8k").is_dir():
        raise SystemExit("needs a reranker (--reranker) and flickr8k (--data)")
    split = read(options.data, options.split, source, 100 if options.quick else None)
    rows = [
        Row("floats", r_at_1(split, source, split.codes), "% R@1"),
        Row("int8", r_at_1(split, source, split.codes.round()), "% R@1"),
        Row("bytes a picture", float(source.projection.size_bytes), "B"),
    ]
    parameters = {"split": options.split, "n_images": len(split.images), "depth": DEPTH}
    record("rerank_quantisation", str(__doc__), parameters, rows)


def read(data: Path, name: str, source: RerankerSource, limit: int | None) -> Split:
    """The pictures of a split and the first caption of each, through plain torch."""
    chosen = read_split(data / "flickr8k" / "dataset_flickr8k.json", name, limit)
    loaded = load_torch_model(resolve_model(SHIPPED, load_settings().cache))
    seen = list(_see(loaded, [picture.path for picture in chosen], source.projection))
    captions = [picture.captions[0] for picture in chosen]
    with torch.inference_mode():
        parts = [captions[at : at + _BATCH] for at in range(0, len(captions), _BATCH)]
        encode = cast("Callable[[Tensor], Tensor]", loaded.model.encode_text)
        texts = torch.cat([encode(loaded.tokenizer(part)) for part in parts])
    return Split(
        _unit(torch.cat([images for images, _ in seen])),
        torch.cat([codes for _, codes in seen]),
        _unit(texts),
        captions,
        np.arange(len(chosen)),
    )


def r_at_1(split: Split, source: RerankerSource, codes: Tensor) -> float:
    """R@1 in percent after reranking with `codes` `(n, r, c)`."""
    network = load_network(source)
    tokenizer = FileTokenizer(source, network.config)
    cosines = split.texts @ split.images.T
    hits = np.argsort(-cosines, axis=1, kind="stable")[:, :DEPTH]
    hubs = hubness(split.images, source.bank.texts, source.fusion.temperature)
    right = 0
    with torch.inference_mode():
        states = torch.cat(
            [network.read_regions(part) for part in torch.chunk(codes, len(codes) // _BATCH + 1)]
        )
        for query, caption in enumerate(split.captions):
            items = hits[query]
            logits = _logits(network, tokenizer, caption, states[torch.from_numpy(items)])
            weights = source.fusion.images, source.fusion.image_hubness
            scores = fused(logits, cosines[query, items], hubs[items], *weights)
            right += int(items[scores.argmax()] == split.owner[query])
    return 100 * right / len(split.captions)


def _logits(
    network: RerankNetwork, tokenizer: FileTokenizer, caption: str, states: Tensor
) -> NDArray[np.float32]:
    tokens = torch.tensor(tokenizer.encode([caption]))
    text = network.read_text(tokens).expand(len(states), -1, -1)
    mask = torch.ones(text.shape[:2])
    found: NDArray[np.float32] = network.match(text, mask, states).numpy()
    return found


def _see(
    loaded: LoadedModel, paths: list[Path], projection: RegionProjection
) -> Iterator[tuple[Tensor, Tensor]]:
    """Embeddings and unrounded codes of pictures, batch by batch."""
    tower = TappedTower(loaded.model, projection.taps, projection.rows, projection.columns)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (loaded.mean, loaded.std))
    weight, bias = torch.from_numpy(projection.weight), torch.from_numpy(projection.bias)
    limits = DecodeLimits()
    for start in range(0, len(paths), _BATCH):
        part = paths[start : start + _BATCH]
        pixels = np.stack([decode_file(path, loaded.input, limits).pixels for path in part])
        pictures = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        with torch.inference_mode():
            images, cells = tower((pictures - mean) / std)
            yield images, (cells @ weight.T + bias).clamp(-127, 127)


def _unit(rows: Tensor) -> Embeddings:
    found: Embeddings = torch.nn.functional.normalize(rows, dim=1).numpy()
    return found


if __name__ == "__main__":
    main()
