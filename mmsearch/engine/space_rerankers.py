"""The rerankers of a library's spaces, each loaded once however many threads ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mmsearch.engine.once import Once
from mmsearch.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mmsearch.engine.reranker_models import Rerankers
    from mmsearch.engine.reranking import Reranker
    from mmsearch.engine.space_encoders import SpaceEncoders
    from mmsearch.protocols import CrossEncoder
    from mmsearch.rerank import RerankerSource
    from mmsearch.rerank_types import RegionProjection
    from mmsearch.types import InputSpec, MediaRecord, Space

ReadPixels = Callable[["MediaRecord", "InputSpec"], "NDArray[np.uint8]"]
"""Pixels `(h, w, 3)` of a file as it was indexed; `MediaError` where they cannot be had."""


class SpaceRerankers:
    """Makes and keeps what reranks, each part when it is first needed; thread-safe."""

    def __init__(self, rerankers: Rerankers, encoders: SpaceEncoders, pixels: ReadPixels) -> None:
        self._rerankers = rerankers
        self._encoders = encoders
        self._pixels = pixels
        self._made: Once[str, Reranker] = Once()
        self._cross_encoders: Once[str, CrossEncoder] = Once()

    def source(self, space: Space) -> RerankerSource | None:
        """The reranker of a space, told without loading it; None where it has none."""
        return self._rerankers.for_space(space)

    def get(self, space: Space) -> Reranker | None:
        """What reranks answers in a space, with nothing loaded yet; None where nothing does."""
        source = self.source(space)
        if source is None:
            return None
        return self._made.get(space.digest, lambda: self._make(space, source))

    def projection_to_index(
        self, space: Space, *, wanted: bool | None = None
    ) -> RegionProjection | None:
        """What gives the region features that an index in `space` is to keep, if any.

        `wanted` None: those that the space's reranker reads, where it has one.

        Raises:
            ModelError: They are wanted but nothing reads them, or the reranker cannot be read.
        """
        if wanted is False:
            return None
        source = self.source(space)
        if source is None and wanted:
            raise ModelError(
                f"model '{space.name}' has no reranker that would read region features: "
                "name one with --reranker DIR, or index without --rerank-features"
            )
        return None if source is None else source.projection

    def _make(self, space: Space, source: RerankerSource) -> Reranker:
        from mmsearch.engine.region_reading import RegionParts, RegionReader
        from mmsearch.engine.reranking import Reranker, RerankerParts

        regions = RegionParts(
            space=space,
            projection=source.projection,
            load_encoder=lambda: self._encoders.with_regions(space, source.projection),
            pixels=lambda media: self._pixels(media, space.input),
        )

        def load() -> CrossEncoder:
            return self._cross_encoders.get(space.digest, lambda: self._rerankers.load(source))

        return Reranker(RerankerParts(source, load, RegionReader(regions)))
