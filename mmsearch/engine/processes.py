"""How worker processes are used: to index, and for single pictures."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mmsearch.engine.pipeline import Decoder
    from mmsearch.media.decode_limits import DecodeLimits
    from mmsearch.types import InputSpec


class StartPool(Protocol):
    """How decoders are started."""

    def __call__(
        self, spec: InputSpec, limits: DecodeLimits, workers: int
    ) -> AbstractContextManager[Decoder]:
        """Decoders to `spec`, closed at the end of the `with` block."""


def start_decode_pool(
    spec: InputSpec, limits: DecodeLimits, workers: int
) -> AbstractContextManager[Decoder]:
    """A pool of decode workers."""
    from mmsearch.media.pool import DecodePool

    return DecodePool(spec, limits, workers)


@dataclass(frozen=True, slots=True)
class Processes:
    """How worker processes are used: to index, and for single pictures."""

    start_pool: StartPool
    picture_workers: int
