"""How an indexing run embeds files: decode workers, an encoder, the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmsearch.config import Settings
    from mmsearch.engine.diff import PendingFile
    from mmsearch.engine.pipeline import BatchSink
    from mmsearch.engine.processes import Processes
    from mmsearch.engine.progress import ProgressListener
    from mmsearch.engine.tally import Tally
    from mmsearch.media.decode_limits import DecodeLimits
    from mmsearch.protocols import DualEncoder, RegionEncoder
    from mmsearch.types import Space

_LOOK_AHEAD_BATCHES = 2
"""Decoded batches that may wait for the encoder: enough to hide one slow file."""
_LOOK_AHEAD_A_WORKER = 4


@dataclass(frozen=True, slots=True)
class RunEncoder:
    """The encoder of a run: `load` gives it, `load_regions` too where regions are wanted.

    `is_loaded` tells whether that will take no time.
    """

    load: Callable[[], DualEncoder]
    load_regions: Callable[[], RegionEncoder] | None
    is_loaded: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class EmbeddingRun:
    """What the files of a run go through, and where their embeddings go.

    `limits` are asked for when something is to be decoded, as they load the decoder's library.
    """

    settings: Settings
    processes: Processes
    limits: Callable[[], DecodeLimits]
    sink: BatchSink
    space: Space
    encoder: RunEncoder
    progress: ProgressListener

    def load(self) -> DualEncoder:
        """The encoder, which the listener is told of if that takes time."""
        self._announce()
        return self.encoder.load()

    def embed(self, files: Sequence[PendingFile], tally: Tally) -> None:
        """Decode, embed and commit `files`, with a pool of their own.

        Raises:
            KeyboardInterrupt, MediaError, ModelError: As `EmbeddingPipeline.run`.
        """
        from mmsearch.engine.pipeline import EmbeddingPipeline, PipelineParts

        workers = min(self.settings.decode_workers, len(files))
        batch_size = self.settings.batch_size
        self._announce()
        with self.processes.start_pool(self.space.input, self.limits(), workers) as pool:
            parts = PipelineParts(
                decoder=pool,
                sink=self.sink,
                space=self.space,
                load=self.encoder.load,
                load_regions=self.encoder.load_regions,
                batch_size=batch_size,
                look_ahead=_LOOK_AHEAD_BATCHES * batch_size + _LOOK_AHEAD_A_WORKER * workers,
            )
            EmbeddingPipeline(parts, tally, self.progress).run(files)

    def _announce(self) -> None:
        if not self.encoder.is_loaded():
            self.progress.on_model(self.space.name)
