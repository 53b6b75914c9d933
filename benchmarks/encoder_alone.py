"""How much faster is the image tower alone than in onnxruntime and torch, and is it as good?"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.captioned import DATA, Captioned, read_split
from benchmarks.in_turn import in_turn
from benchmarks.onnx_tower import OnnxTower, normalised_pictures, write_onnx
from benchmarks.photos import source_photos
from benchmarks.plot import bar_plot
from benchmarks.random_vit import random_vit
from benchmarks.record import Row, record
from mmsearch.config import load_settings
from mmsearch.encoders import EncoderOptions, load_dual_encoder, resolve_model
from mmsearch.encoders.openvino_runtime import OpenVinoEncoder
from mmsearch.encoders.torch_model import LoadedModel, load_torch_model
from mmsearch.encoders.torch_runtime import TorchEncoder
from mmsearch.evaluation.metrics import retrieval_metrics
from mmsearch.media.decode import DecodeLimits, decode_file
from mmsearch.runtime.compiled import available_cores
from mmsearch.runtime.measured_pass import PASS_SIZES
from mmsearch.types import Embeddings, ImageTensor, InputSpec

FLICKR8K = DATA / "flickr8k" / "dataset_flickr8k.json"
ONNX_BATCH, SEED = 8, 0
"""The peer's own batch size is 8; 32 was no faster here."""


def crops(count: int, spec: InputSpec) -> ImageTensor:
    """Random crops `(n, h, w, 3)` of photographs, at a model's input size."""
    rng, photos = np.random.default_rng(SEED), source_photos()
    found = []
    for number in range(count):
        photo = photos[number % len(photos)]
        left, top = rng.integers(0, photo.width // 2), rng.integers(0, photo.height // 2)
        box = (left, top, left + photo.width // 2, top + photo.height // 2)
        found.append(np.asarray(photo.resize((spec.width, spec.height), box=box)))
    return np.stack(found)


class Ways:
    """One image tower in three runtimes, each taking `(n, h, w, 3)` uint8."""

    def __init__(self, model: str, work: Path) -> None:
        options = EncoderOptions(load_settings().cache, device="cpu")
        encoder = load_dual_encoder(model, options)
        if not isinstance(encoder, OpenVinoEncoder):
            raise SystemExit("skipped: the CPU runtime is what is measured here")
        self.ours = encoder
        self.loaded: LoadedModel = load_torch_model(resolve_model(model, options.cache_dir))
        self._onnx = OnnxTower(write_onnx(self.loaded, work / f"onnx-{Path(model).name}"))
        self._torch = TorchEncoder(encoder.space, self.loaded)

    def learn(self, images: ImageTensor) -> None:
        """Let our runtime find its best pass, as the first pictures of an index do."""
        for _ in range(64):
            if self.ours.pictures_a_pass is not None:
                return
            self.ours.encode_images(images)

    def onnx(self, images: ImageTensor) -> Embeddings:
        """Embeddings in onnxruntime, float32."""
        return self._run_onnx(normalised_pictures(images, self.loaded))

    def on(self, images: ImageTensor) -> Mapping[str, Callable[[], Embeddings]]:
        """What embeds these pictures by each way, ours first; ONNX has them ready as floats."""
        ready = normalised_pictures(images, self.loaded)
        return {
            "mmsearch": lambda: self.ours.encode_images(images),
            "onnxruntime fp32": lambda: self._run_onnx(ready),
            "torch fp32": lambda: self._torch.encode_images(images),
        }

    def _run_onnx(self, ready: NDArray[np.float32]) -> Embeddings:
        starts = range(0, len(ready), ONNX_BATCH)
        return np.concatenate([self._onnx.encode(ready[at : at + ONNX_BATCH]) for at in starts])


def recall(ways: Ways, pictures: list[Captioned]) -> dict[str, float]:
    """R@1 (mean of both directions, percent) with our embeddings and with onnxruntime's."""
    limits, spec = DecodeLimits(), ways.ours.space.input
    images = np.stack([decode_file(item.path, spec, limits).pixels for item in pictures])
    texts = ways.ours.encode_texts([text for item in pictures for text in item.captions])
    owners = np.repeat(np.arange(len(pictures)), [len(item.captions) for item in pictures])
    return {
        "mmsearch": _r1(ways.ours.encode_images(images), texts, owners),
        "onnxruntime fp32": _r1(ways.onnx(images), texts, owners),
    }


def _r1(images: Embeddings, texts: Embeddings, owners: NDArray[np.int64]) -> float:
    found = retrieval_metrics(images, texts, owners)
    return (found.text_to_image.curve[0] + found.image_to_text.curve[0]) / 2


def measure(label: str, ways: Ways, options: argparse.Namespace, bar: float) -> list[Row]:
    """Rates, ratios and agreement of one tower."""
    images = crops(32 if options.quick else 256, ways.ours.space.input)
    ways.learn(images[: max(PASS_SIZES) * available_cores()])
    every = ways.on(images)
    taken_by_each = in_turn(3 if options.quick else 9, *every.values())
    seconds = dict(zip(every, taken_by_each, strict=True))
    rows = [
        Row(f"{label}, {name}", len(images) / statistics.median(taken), "images/s, median")
        for name, taken in seconds.items()
    ]
    for peer in list(seconds)[1:]:
        ratios = [b / a for a, b in zip(seconds["mmsearch"], seconds[peer], strict=True)]
        least = bar if peer.startswith("onnx") else None
        rows.append(Row(f"{label}, mmsearch / {peer}", statistics.median(ratios), "x", least))
    cosines = np.einsum("nd,nd->n", ways.ours.encode_images(images), ways.onnx(images))
    rows.append(Row(f"{label}, smallest cosine", float(cosines.min()), "", 0.995))
    rows.append(Row(f"{label}, pictures a pass", float(ways.ours.pictures_a_pass or 0), "learnt"))
    return rows


def main() -> None:
    """Measure a ViT-B/32 with random weights and the shipped model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        vit = Ways(str(random_vit(work / "vit")), work)
        rows += measure("ViT-B/32", vit, options, 1.8)
        mini = Ways("mini", work)
        rows += measure("mini", mini, options, 1.6)
        if FLICKR8K.is_file() and not options.quick:
            r1 = recall(mini, read_split(FLICKR8K, "test"))
            rows += [Row(f"mini, Flickr8k R@1, {name}", value, "%") for name, value in r1.items()]
            lost = r1["onnxruntime fp32"] - r1["mmsearch"]
            rows.append(Row("mini, R@1 lost", lost, "points", at_most=0.3))
    record("encoder_alone", str(__doc__), {"seed": SEED, "onnx_batch": ONNX_BATCH}, rows)
    rates = {row.name: row.value for row in rows if row.unit.startswith("images/s")}
    bar_plot("encoder_alone", "Image tower alone, all cores", rates, "images a second")


if __name__ == "__main__":
    main()
