"""Running a split through the engine's own parts: decode pool, encoders, metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from mmsearch.datasets import CaptionData, CaptionedImage, split_items
from mmsearch.errors import DatasetError, ModelError
from mmsearch.evaluation.metrics import retrieval_metrics
from mmsearch.evaluation.report import EvaluationReport, RerankReport, SkippedPicture
from mmsearch.evaluation.reranking import Encoded, rerank_split
from mmsearch.media.decode_limits import DecodeLimits
from mmsearch.media.pool import DecodeJob, DecodePool
from mmsearch.protocols import CrossEncoder, DualEncoder, RegionEncoder
from mmsearch.rerank_types import RegionCodes
from mmsearch.types import Embeddings, ImageTensor, InputSpec

Progress = Callable[[str, int, int], None]
"""Called with the stage, how many pictures or queries are done, and how many there are."""

_Embed: TypeAlias = Callable[[ImageTensor], tuple[Embeddings, RegionCodes]]
_Picture: TypeAlias = tuple[NDArray[np.float32], NDArray[np.int8]]


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
    reranker: CrossEncoder | None = None,
    rerank: int = 50,
) -> EvaluationReport:
    """Retrieval metrics of `encoder` on one split of `data`.

    Pictures that cannot be used are skipped with their captions, and listed in the report.

    Args:
        data: Captions with their pictures' files.
        encoder: What finds the first hits; with a reranker, a `RegionEncoder`.
        options: Which pictures, and how they are read.
        on_progress: Told how far it is, in the calling thread.
        reranker: Measured too, where given: it reads the first hits of each query.
        rerank: How many of them.

    Raises:
        DatasetError: No such folder or split, or not one usable picture.
        ModelError: A model gives what is not finite, or the two do not go together.
    """
    if not options.images.is_dir():
        raise DatasetError(f"{options.images}: no such folder of pictures")
    items = split_items(data, options.split)[: options.limit]
    embed = _embed_with(encoder, reranker)
    gathered = _Gathered(embed, len(items), options.batch_size, on_progress)
    _decode(items, encoder.space.input, options, gathered)
    if not gathered.done:
        first = gathered.skipped[0]
        raise DatasetError(
            f"{data.name}: none of {len(items)} pictures is usable "
            f"({first.path}: {first.reason}): check the pictures' folder"
        )
    kept = sorted(gathered.done)
    split = _encoded(encoder, [items[key] for key in kept], [gathered.done[key] for key in kept])
    _check_finite(encoder, split.images, split.texts)
    return EvaluationReport(
        dataset=data.name,
        split=options.split,
        model=encoder.space.name,
        n_images=len(split.images),
        n_captions=len(split.texts),
        metrics=retrieval_metrics(split.images, split.texts, split.image_of_text),
        skipped=tuple(sorted(gathered.skipped, key=lambda picture: picture.path)),
        reranked=_reranked(split, reranker, rerank, on_progress),
    )


def _encoded(
    encoder: DualEncoder, items: Sequence[CaptionedImage], pictures: Sequence[_Picture]
) -> Encoded:
    """The split of items whose pictures could be used."""
    words = [text for item in items for text in item.captions]
    rows = [row for row, item in enumerate(items) for _ in item.captions]
    return Encoded(
        images=np.stack([embedding for embedding, _ in pictures]),
        texts=encoder.encode_texts(words),
        regions=np.stack([codes for _, codes in pictures]),
        words=words,
        image_of_text=np.array(rows, np.int64),
    )


def _reranked(
    split: Encoded, reranker: CrossEncoder | None, depth: int, on_progress: Progress | None
) -> RerankReport | None:
    """What reranking gives; None without a reranker."""
    if reranker is None:
        return None
    told = None if on_progress is None else partial(on_progress, "reranking")
    return rerank_split(split, reranker, depth, told)


def _embed_with(encoder: DualEncoder, reranker: CrossEncoder | None) -> _Embed:
    """What makes embeddings `(n, d)` and region features `(n, r, c)` of pictures.

    Without a reranker there are no regions: r and c are 0.

    Raises:
        ModelError: The encoder does not give the regions that the reranker reads.
    """
    if reranker is None:
        return lambda images: (
            encoder.encode_images(images),
            np.empty((len(images), 0, 0), np.int8),
        )
    projection = getattr(encoder, "projection", None)
    if projection is None or projection.digest != reranker.projection.digest:
        raise ModelError(
            f"model {encoder.space.name} was not loaded with the projection of this reranker: "
            "load it with 'reranker.projection'"
        )
    return cast("RegionEncoder", encoder).encode_with_regions


class _Gathered:
    """What pictures are encoded to, by item number; they wait here until a batch is full."""

    def __init__(
        self, embed: _Embed, total: int, batch_size: int, on_progress: Progress | None
    ) -> None:
        self.done: dict[int, _Picture] = {}
        self.skipped: list[SkippedPicture] = []
        self._embed = embed
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
            embeddings, codes = self._embed(np.stack([p for _, p in self._waiting]))
            keys = [key for key, _ in self._waiting]
            self.done.update(zip(keys, zip(embeddings, codes, strict=True), strict=True))
            self._waiting = []
        if self._on_progress:
            self._on_progress("embedding", len(self.done) + len(self.skipped), self._total)


def _decode(
    items: Sequence[CaptionedImage],
    spec: InputSpec,
    options: EvaluationOptions,
    gathered: _Gathered,
) -> None:
    jobs = [DecodeJob(key, options.images / (item.file or "")) for key, item in enumerate(items)]
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
