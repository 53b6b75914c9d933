"""Deterministic stand-ins for the learned parts, with results that tests can reason about.

The fake space has 3 colour dimensions that pictures and words share, and some more that tell
apart what has the same colour. A picture lies at its mean colour, a text at the mean of the
colours it names, so "red" is nearest to the reddest picture.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from blake3 import blake3

from mmsearch.engine.progress import SilentProgress
from mmsearch.errors import MediaError, ModelError
from mmsearch.media.decode import decode
from mmsearch.media.decode_limits import DecodeLimits
from mmsearch.media.limits import read_file
from mmsearch.media.pool import DecodedFile, DecodeJob
from mmsearch.rerank import RerankerSource
from mmsearch.rerank_types import (
    NO_QUESTIONS,
    Fusion,
    Pairs,
    QueryBank,
    RegionCodes,
    RegionProjection,
)
from mmsearch.types import Embeddings, ImageTensor, InputSpec, Scores, Space

COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "magenta": (255, 0, 255),
    "cyan": (0, 255, 255),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}
N_COLOUR_DIMS = 3
N_OTHER_DIMS = 13
FAKE_DIM = N_COLOUR_DIMS + N_OTHER_DIMS
FAKE_INPUT = InputSpec(height=16, width=16)


FAKE_PROJECTION = RegionProjection(
    taps=("visual",),
    rows=2,
    columns=2,
    weight=np.eye(3, dtype=np.float32),
    bias=np.full(3, -127.5, np.float32),
    digest="ab" * 32,
)
"""Four regions of three channels: the mean colours of a picture's quarters."""


def fake_space(name: str = "fake", seed: str = "") -> Space:
    """The space of the fake model `name`; another `seed` stands for other weights."""
    digest = blake3(f"{name}/{seed}".encode()).hexdigest()
    return Space(name=name, digest=digest, dim=FAKE_DIM, input=FAKE_INPUT)


@dataclass(slots=True)
class FakeDualEncoder:
    """A `DualEncoder` of mean colours and colour words; counts what it is asked for.

    `weights` of red, green and blue make another model of it: scores in its space are others.
    """

    space: Space = field(default_factory=fake_space)
    weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
    n_images: int = 0
    n_texts: int = 0

    def encode_images(self, images: ImageTensor) -> Embeddings:
        """Mean colour, and a small part that depends on all pixels."""
        assert images.dtype == np.uint8
        assert images.shape[1:] == (self.space.input.height, self.space.input.width, 3)
        self.n_images += len(images)
        rows = [_embed(image.mean((0, 1)), image.tobytes(), 0.05) for image in images]
        return _rows([_weighted(row, self.weights) for row in rows])

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Mean of the colours a text names, and a part that depends on its other words."""
        self.n_texts += len(texts)
        return _rows([_weighted(_embed_text(text), self.weights) for text in texts])


@dataclass(slots=True)
class FakeRegionEncoder(FakeDualEncoder):
    """The same with regions: the mean colours of a picture's quarters."""

    projection: RegionProjection = field(default_factory=lambda: FAKE_PROJECTION)
    n_with_regions: int = 0

    def encode_with_regions(self, images: ImageTensor) -> tuple[Embeddings, RegionCodes]:
        """Embeddings as ever, and one code a quarter: its red, green and blue, about 0."""
        self.n_with_regions += len(images)
        n, height, width, _ = images.shape
        quarters = images.reshape(n, 2, height // 2, 2, width // 2, 3).mean((2, 4))
        codes = np.rint(quarters.reshape(n, 4, 3) - 127.5).clip(-127, 127).astype(np.int8)
        return self.encode_images(images), codes


@dataclass(slots=True)
class FakeCrossEncoder:
    """A `CrossEncoder` that likes pictures whose first region has the text's mean colour.

    Words that name no colour add a small part of their own, so that texts differ. `pause_s`
    a pair makes it slow; `calls` are the pairs it was asked for, call by call.
    """

    projection: RegionProjection = field(default_factory=lambda: FAKE_PROJECTION)
    fusion: Fusion = field(default_factory=lambda: Fusion(images=0.5, captions=0.25))
    bank: QueryBank = NO_QUESTIONS
    pause_s: float = 0.0
    calls: list[int] = field(default_factory=list)

    def score(self, texts: Sequence[str], regions: RegionCodes, pairs: Pairs) -> Scores:
        """Minus the distance of colours, in units of 64."""
        self.calls.append(len(pairs))
        time.sleep(self.pause_s * len(pairs))
        wanted = np.stack([_wanted_colour(text) for text in texts])[pairs[:, 0]]
        seen = regions[pairs[:, 1], 0].astype(np.float32)
        return (-np.linalg.norm(wanted - seen, axis=1) / 64.0).astype(np.float32)


@dataclass(slots=True)
class FakeRerankers:
    """A fake reranker for the fake models named; `loads` counts loading."""

    names: tuple[str, ...] = ("fake",)
    measured_lift: float = 2.0
    encoder: FakeCrossEncoder = field(default_factory=FakeCrossEncoder)
    loads: int = 0

    def for_space(self, space: Space) -> RerankerSource | None:
        """The reranker of a space."""
        if space.name not in self.names:
            return None
        return RerankerSource(
            directory=Path("/models", space.name, "reranker"),
            space_digest=space.digest,
            projection=self.encoder.projection,
            fusion=self.encoder.fusion,
            bank=self.encoder.bank,
            measured_lift=self.measured_lift,
        )

    def load(self, source: RerankerSource) -> FakeCrossEncoder:
        """Its cross encoder."""
        self.loads += 1
        return self.encoder


@dataclass(slots=True)
class FakeModels:
    """Fake models by name; `seeds` changes the weights of one, `loads` counts loading."""

    names: tuple[str, ...] = ("fake", "other")
    seeds: dict[str, str] = field(default_factory=dict)
    loads: list[str] = field(default_factory=list)
    encoders: dict[str, FakeDualEncoder] = field(default_factory=dict)
    region_encoders: dict[str, FakeRegionEncoder] = field(default_factory=dict)

    def default_name(self) -> str:
        """The model that is taken when nobody names one."""
        return self.names[0]

    def space(self, name: str) -> Space:
        """The space of model `name`, without loading it."""
        if name not in self.names:
            raise ModelError(f"no model '{name}': take one of {', '.join(self.names)}")
        return fake_space(name, self.seeds.get(name, ""))

    def load(self, name: str) -> FakeDualEncoder:
        """The encoder of model `name`."""
        self.loads.append(name)
        return self.encoders.setdefault(name, FakeDualEncoder(self.space(name)))

    def load_with_regions(self, name: str, projection: RegionProjection) -> FakeRegionEncoder:
        """The same, with region features."""
        self.loads.append(f"{name} with regions")
        encoder = FakeRegionEncoder(self.space(name), projection=projection)
        return self.region_encoders.setdefault(name, encoder)


@dataclass(frozen=True, slots=True)
class InlineDecoder:
    """Decodes one file after the other in this process: the decode pool's plain reference."""

    spec: InputSpec
    limits: DecodeLimits
    workers: int

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to close."""

    def decode(self, jobs: Iterable[DecodeJob], look_ahead: int) -> Iterator[DecodedFile]:
        """The decoded files, in the jobs' order."""
        for job in jobs:
            yield self._decoded(job)

    def _decoded(self, job: DecodeJob) -> DecodedFile:
        try:
            file = read_file(job.path, self.limits)
        except MediaError as exc:
            return DecodedFile(job.key, job.path, "", 0, 0, None, None, str(exc))
        stamp = (blake3(file.data).hexdigest(), file.size_bytes, file.mtime_ns)
        try:
            picture = decode(file.data, self.spec, self.limits)
        except MediaError as exc:
            return DecodedFile(job.key, job.path, *stamp, None, None, str(exc))
        return DecodedFile(job.key, job.path, *stamp, picture.pixels, picture.metadata, None)


class WarningListener(SilentProgress):
    """Remembers what the indexer warned of."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def on_warning(self, message: str) -> None:
        """Keep the message."""
        self.messages.append(message)


def _embed(colour: np.ndarray, identity: bytes, share: float) -> np.ndarray:
    """`(d,)` colour direction, plus `share` of a direction hashed from `identity`."""
    centred = np.asarray(colour, np.float64) / 127.5 - 1.0
    seed = int.from_bytes(blake3(identity).digest(8), "little")
    other = np.random.default_rng(seed).normal(size=N_OTHER_DIMS)
    other *= share / np.linalg.norm(other)
    row = np.concatenate([centred / np.sqrt(N_COLOUR_DIMS), other])
    return np.asarray(row / np.linalg.norm(row), np.float32)


def _weighted(row: np.ndarray, weights: tuple[float, float, float]) -> np.ndarray:
    """An embedding `(d,)` with its colours weighted, normalised again."""
    weighted = row.astype(np.float64)
    weighted[:N_COLOUR_DIMS] *= weights
    return np.asarray(weighted / np.linalg.norm(weighted), np.float32)


def _embed_text(text: str) -> np.ndarray:
    words = text.lower().split()
    named = [COLOURS[word] for word in words if word in COLOURS]
    colour = np.mean(named, axis=0) if named else np.full(N_COLOUR_DIMS, 127.5)
    others = " ".join(word for word in words if word not in COLOURS)
    return _embed(colour, others.encode(), 0.05 if not others else 0.3)


def _wanted_colour(text: str) -> np.ndarray:
    """`(3,)` where the fake cross encoder looks for a text, about 0."""
    words = text.lower().split()
    named = [COLOURS[word] for word in words if word in COLOURS]
    colour = np.mean(named, axis=0) - 127.5 if named else np.zeros(N_COLOUR_DIMS)
    seed = int.from_bytes(blake3(text.encode()).digest(8), "little")
    return np.asarray(colour + np.random.default_rng(seed).normal(size=3), np.float32)


def _rows(rows: list[np.ndarray]) -> Embeddings:
    return np.stack(rows) if rows else np.zeros((0, FAKE_DIM), np.float32)
