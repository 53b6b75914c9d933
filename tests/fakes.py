"""Deterministic stand-ins for the learned parts, with results that tests can reason about.

The fake space has 3 colour dimensions that pictures and words share, and some more that tell
apart what has the same colour. A picture lies at its mean colour, a text at the mean of the
colours it names, so "red" is nearest to the reddest picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np
from blake3 import blake3

from mmsearch.engine.progress import SilentProgress
from mmsearch.errors import MediaError, ModelError
from mmsearch.media.decode import decode
from mmsearch.media.limits import DecodeLimits, read_file
from mmsearch.media.pool import DecodedFile, DecodeJob
from mmsearch.types import Embeddings, ImageTensor, InputSpec, Space

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


def fake_space(name: str = "fake", seed: str = "") -> Space:
    """The space of the fake model `name`; another `seed` stands for other weights."""
    digest = blake3(f"{name}/{seed}".encode()).hexdigest()
    return Space(name=name, digest=digest, dim=FAKE_DIM, input=FAKE_INPUT)


@dataclass(slots=True)
class FakeDualEncoder:
    """A `DualEncoder` of mean colours and colour words; counts what it is asked for."""

    space: Space = field(default_factory=fake_space)
    n_images: int = 0
    n_texts: int = 0

    def encode_images(self, images: ImageTensor) -> Embeddings:
        """Mean colour, and a small part that depends on all pixels."""
        assert images.dtype == np.uint8
        assert images.shape[1:] == (self.space.input.height, self.space.input.width, 3)
        self.n_images += len(images)
        return _rows([_embed(image.mean((0, 1)), image.tobytes(), 0.05) for image in images])

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Mean of the colours a text names, and a part that depends on its other words."""
        self.n_texts += len(texts)
        return _rows([_embed_text(text) for text in texts])


@dataclass(slots=True)
class FakeModels:
    """Fake models by name; `seeds` changes the weights of one, `loads` counts loading."""

    names: tuple[str, ...] = ("fake", "other")
    seeds: dict[str, str] = field(default_factory=dict)
    loads: list[str] = field(default_factory=list)
    encoders: dict[str, FakeDualEncoder] = field(default_factory=dict)

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


def _embed_text(text: str) -> np.ndarray:
    words = text.lower().split()
    named = [COLOURS[word] for word in words if word in COLOURS]
    colour = np.mean(named, axis=0) if named else np.full(N_COLOUR_DIMS, 127.5)
    others = " ".join(word for word in words if word not in COLOURS)
    return _embed(colour, others.encode(), 0.05 if not others else 0.3)


def _rows(rows: list[np.ndarray]) -> Embeddings:
    return np.stack(rows) if rows else np.zeros((0, FAKE_DIM), np.float32)
