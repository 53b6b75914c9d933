"""A pipeline without files, models or a catalogue: what it is given, and what it commits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from mmsearch.catalogue import BatchResult, CatalogueBatch
from mmsearch.engine.diff import PendingFile
from mmsearch.engine.pipeline import EmbeddingPipeline, PipelineParts
from mmsearch.engine.progress import SilentProgress
from mmsearch.engine.tally import Tally
from mmsearch.media.pool import DecodedFile, DecodeJob
from mmsearch.types import MediaMetadata
from tests.fakes import (
    FAKE_INPUT,
    FakeDualEncoder,
    FakeRegionEncoder,
    fake_space,
)

METADATA = MediaMetadata(width=4, height=3, format="PNG")


@dataclass
class Decoder:
    """Decodes nothing: a picture of one colour for each key, errors and digests as told."""

    errors: dict[int, str] = field(default_factory=dict)
    digests: dict[int, str] = field(default_factory=dict)
    before: Callable[[int], None] = lambda key: None
    n_given: int = 0

    def decode(self, jobs: Iterable[DecodeJob], look_ahead: int) -> Iterator[DecodedFile]:
        for job in jobs:
            self.before(job.key)
            self.n_given += 1
            error = self.errors.get(job.key)
            pixels = np.full((FAKE_INPUT.height, FAKE_INPUT.width, 3), job.key % 256, np.uint8)
            yield DecodedFile(
                key=job.key,
                path=job.path,
                digest=self.digests.get(job.key, f"digest {job.key}"),
                size_bytes=100,
                mtime_ns=200,
                pixels=None if error else pixels,
                metadata=None if error else METADATA,
                error=error,
            )


@dataclass
class Sink:
    """Keeps batches instead of committing them."""

    batches: list[CatalogueBatch] = field(default_factory=list)

    def apply(self, batch: CatalogueBatch) -> BatchResult:
        self.batches.append(batch)
        return BatchResult(
            added=len(batch.files), removed=len(batch.removals), failed=len(batch.failures)
        )

    @property
    def relatives(self) -> list[bytes]:
        return [entry.relative for batch in self.batches for entry in batch.files]


class Recorder(SilentProgress):
    """Remembers progress."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int, int]] = []

    def on_progress(self, done: int, total: int, failed: int) -> None:
        self.steps.append((done, total, failed))


@dataclass
class Run:
    """A pipeline with its fakes."""

    decoder: Decoder = field(default_factory=Decoder)
    sink: Sink = field(default_factory=Sink)
    encoder: FakeDualEncoder = field(default_factory=FakeDualEncoder)
    tally: Tally = field(default_factory=Tally)
    progress: Recorder = field(default_factory=Recorder)
    region_encoder: FakeRegionEncoder | None = None

    def __call__(self, files: list[PendingFile], batch_size: int = 4) -> None:
        with_regions = self.region_encoder
        parts = PipelineParts(
            decoder=self.decoder,
            sink=self.sink,
            space=fake_space(),
            load=lambda: self.encoder,
            batch_size=batch_size,
            look_ahead=8,
            load_regions=None if with_regions is None else lambda: with_regions,
        )
        EmbeddingPipeline(parts, self.tally, self.progress).run(files)
