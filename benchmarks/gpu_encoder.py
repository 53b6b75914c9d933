"""How many pictures a second does a GPU embed?

By mmsearch's encoder as `mmsearch index` calls it on CUDA (uint8 on the host, pinned and overlapped
transfers, half precision), beside plain torch in float32 on the same GPU: the uint8 batch to the
GPU, there to float, normalised, through the model, embeddings back. Both take pictures in batches
of the same size, in turn. The limit is what the model's operations take at the rate of the GPU's
half-precision matrix products, as measured here.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.encoder_alone import crops
from benchmarks.gpu import card, matmul_tflops, require_gpu
from benchmarks.in_turn import in_turn
from benchmarks.random_vit import random_vit
from benchmarks.record import Row, record
from mmsearch.config import load_settings
from mmsearch.encoders import (
    EncoderOptions,
    ModelSource,
    load_dual_encoder,
    resolve_model,
    space_of,
)
from mmsearch.encoders.torch_model import LoadedModel, load_torch_model
from mmsearch.encoders.torch_runtime import TorchEncoder
from mmsearch.protocols import DualEncoder, RegionEncoder
from mmsearch.rerank import find_reranker
from mmsearch.types import Embeddings, ImageTensor

BATCHES = (32, 128, 512)
DISTINCT = 256
LEAST_COSINE = 0.995


def our_encoder(source: ModelSource, device: Literal["cpu", "cuda"], batch: int) -> DualEncoder:
    """The encoder that mmsearch takes on CUDA; on the CPU the same class, for a dry run."""
    if device == "cuda":
        options = EncoderOptions(load_settings().cache, device, batch_size=batch)
        return load_dual_encoder(source.name, options)
    return TorchEncoder(space_of(source), load_torch_model(source), "fp32", batch)


def with_regions(source: ModelSource, batch: int) -> RegionEncoder | None:
    """The encoder that `mmsearch index` takes, where a reranker reads what it gives beside."""
    found = find_reranker(source.directory / "reranker")
    if found is None:
        return None
    options = EncoderOptions(load_settings().cache, "cuda", batch_size=batch)
    return load_dual_encoder(source.name, options, found.projection)


def plain(loaded: LoadedModel, images: ImageTensor, batch: int, device: str) -> Embeddings:
    """Embeddings by the obvious loop, float32, L2-normalised."""
    mean = torch.tensor(loaded.mean, device=device).view(1, 3, 1, 1)
    std = torch.tensor(loaded.std, device=device).view(1, 3, 1, 1)
    rows = []
    with torch.inference_mode():
        for first in range(0, len(images), batch):
            pixels = torch.from_numpy(images[first : first + batch]).to(device)
            pixels = pixels.permute(0, 3, 1, 2).float() / 255
            rows.append(loaded.model.encode_image((pixels - mean) / std, normalize=True).cpu())
    found: Embeddings = torch.cat(rows).numpy()
    return found


def gflop_a_picture(loaded: LoadedModel, device: str) -> float:
    """Floating-point operations of one picture's way through the image tower, 1e9."""
    picture = torch.zeros(1, 3, loaded.input.height, loaded.input.width, device=device)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        loaded.model.encode_image(picture)
    return counter.get_total_flops() / 1e9


def measure(label: str, model: str, options: argparse.Namespace, tflops: float) -> list[Row]:
    """Rates, ratios, agreement and the limit of one tower."""
    device = options.device
    source = resolve_model(model, load_settings().cache)
    loaded = load_torch_model(source, device)
    distinct = crops(32 if options.quick else DISTINCT, loaded.input)
    images = np.tile(distinct, (1 if options.quick else options.count // DISTINCT, 1, 1, 1))
    rows: list[Row] = []
    best = 0.0
    for batch in BATCHES[:1] if options.quick else BATCHES:
        ours = our_encoder(source, device, batch)
        ways = {
            "mmsearch": lambda ours=ours: ours.encode_images(images),
            "plain torch fp32": lambda batch=batch: plain(loaded, images, batch, device),
        }
        regions = with_regions(source, batch) if device == "cuda" else None
        if regions is not None:
            both = regions.encode_with_regions
            ways["mmsearch, with what a reranker reads"] = lambda both=both: both(images)
        seconds = in_turn(options.runs, *ways.values(), n_warming=2)
        taken = dict(zip(ways, seconds, strict=True))
        rates = {name: len(images) / statistics.median(taken[name]) for name in ways}
        name = f"{label}, batches of {batch}"
        rows += [Row(f"{name}: {way}", rate, "images/s, median") for way, rate in rates.items()]
        pairs = zip(taken["mmsearch"], taken["plain torch fp32"], strict=True)
        ratio = statistics.median(theirs / mine for mine, theirs in pairs)
        rows.append(Row(f"{name}: mmsearch / plain torch", ratio, "x"))
        best = max(best, rates["mmsearch"])
    reference = plain(loaded, distinct, BATCHES[0], device)
    cosines = np.einsum("nd,nd->n", ours.encode_images(distinct), reference)
    gflop = gflop_a_picture(loaded, device)
    return [
        *rows,
        Row(f"{label}: smallest cosine with float32", float(cosines.min()), "", LEAST_COSINE),
        Row(f"{label}: operations a picture", gflop, "GFLOP"),
        Row(f"{label}: best rate, of the rate of matrix products", gflop * best / tflops / 10, "%"),
    ]


def main() -> None:
    """Measure the shipped model and a ViT-B/32 with random weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--count", type=int, default=4096)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    require_gpu(options.device)
    options.runs = 1 if options.quick else options.runs
    tflops = matmul_tflops(options.device, *((256, 3) if options.quick else ()))
    rows = [Row("half-precision matrix product, 8192 x 8192", tflops, "TFLOP/s")]
    with tempfile.TemporaryDirectory() as temporary:
        vit = str(random_vit(Path(temporary) / "vit"))
        for label, model in (("mini", "mini"), ("ViT-B/32", vit)):
            rows += measure(label, model, options, tflops)
    parameters: dict[str, object] = {"n": options.count, "runs": options.runs, "seed": 0}
    question = str(__doc__).split("\n", 1)[0]
    record("gpu_encoder", question, {**parameters, **card(options.device)}, rows)


if __name__ == "__main__":
    main()
