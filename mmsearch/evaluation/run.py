"""Running a split through the engine's own parts: decode pool, dual encoder, metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmsearch.datasets import CaptionData, CaptionedImage, split_items
from mmsearch.errors import DatasetError, ModelError
from mmsearch.evaluation.metrics import retrieval_metrics
from mmsearch.evaluation.report import EvaluationReport, SkippedPicture
from mmsearch.media.decode import DecodeLimits
from mmsearch.media.pool import DecodeJob, DecodePool
from mmsearch.protocols import DualEncoder
from mmsearch.types import Embeddings

Progress = Callable[[int, int], None]
"""Called with how many pictures are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """What to measure: the pictures' folder, the split, and what a file may cost.

    `limit` takes only the first so many pictures of the split.
    """

    images: Path
    split: str = "test"
    decode_workers: int = 2
    batch_size: int = 32
    limits: DecodeLimits = field(default_factory=DecodeLimits)
    limit: int | None = None


def evaluate(
    data: CaptionData,
    encoder: DualEncoder,
    options: EvaluationOptions,
    on_progress: Progress | None = None,
) -> EvaluationReport:
    """Retrieval metrics of `encoder` on one split of `data`.

    Pictures that cannot be used are skipped with their captions, and listed in the report.

    Raises:
        DatasetError: No such folder or split, or not one usable picture.
        ModelError: The encoder gives embeddings that are not finite.
    """
    if not options.images.is_dir():
        raise DatasetError(f"{options.images}: no such folder of pictures")
    items = split_items(data, options.split)[: options.limit]
    gathered = _Gathered(encoder, len(items), options.batch_size, on_progress)
    _decode(items, options, gathered)
    if not gathered.done:
        first = gathered.skipped[0]
        raise DatasetError(
            f"{data.name}: none of {len(items)} pictures is usable "
            f"({first.path}: {first.reason}): check the pictures' folder"
        )
    kept = sorted(gathered.done)
    captions = [(row, text) for row, key in enumerate(kept) for text in items[key].captions]
    image_of_text = np.array([row for row, _ in captions], np.int64)
    images = np.stack([gathered.done[key] for key in kept])
    texts = encoder.encode_texts([text for _, text in captions])
    _check_finite(encoder, images, texts)
    return EvaluationReport(
        dataset=data.name,
        split=options.split,
        model=encoder.space.name,
        n_images=len(images),
        n_captions=len(texts),
        metrics=retrieval_metrics(images, texts, image_of_text),
        skipped=tuple(sorted(gathered.skipped, key=lambda picture: picture.path)),
    )


class _Gathered:
    """Embeddings by item number; pictures wait here until a batch is full."""

    def __init__(
        self, encoder: DualEncoder, total: int, batch_size: int, on_progress: Progress | None
    ) -> None:
        self.done: dict[int, NDArray[np.float32]] = {}
        self.skipped: list[SkippedPicture] = []
        self.encoder = encoder
        self._total = total
        self._batch_size = batch_size
        self._on_progress = on_progress
        self._waiting: list[tuple[int, NDArray[np.uint8]]] = []

    def add(self, key: int, pixels: NDArray[np.uint8]) -> None:
        """Take one decoded picture."""
        self._waiting.append((key, pixels))
        if len(self._waiting) >= self._batch_size:
            self.flush()

    def flush(self) -> None:
        """Embed the pictures that wait."""
        if self._waiting:
            embedded = self.encoder.encode_images(np.stack([p for _, p in self._waiting]))
            keys = [key for key, _ in self._waiting]
            self.done.update(zip(keys, embedded, strict=True))
            self._waiting = []
        if self._on_progress:
            self._on_progress(len(self.done) + len(self.skipped), self._total)


def _decode(
    items: Sequence[CaptionedImage], options: EvaluationOptions, gathered: _Gathered
) -> None:
    jobs = [DecodeJob(key, options.images / (item.file or "")) for key, item in enumerate(items)]
    spec = gathered.encoder.space.input
    look_ahead = 2 * options.batch_size
    with DecodePool(spec, options.limits, options.decode_workers) as pool:
        for file in pool.decode(jobs, look_ahead):
            if file.pixels is None:
                reason = file.error or "cannot be decoded"
                gathered.skipped.append(SkippedPicture(file.path, reason))
            else:
                gathered.add(file.key, file.pixels)
    gathered.flush()


def _check_finite(encoder: DualEncoder, images: Embeddings, texts: Embeddings) -> None:
    if not (np.isfinite(images).all() and np.isfinite(texts).all()):
        raise ModelError(
            f"model {encoder.space.name} gives embeddings that are not finite: "
            "its weights are damaged, or half precision overflows (try --precision fp32)"
        )
