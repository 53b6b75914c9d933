"""The encoders of a library's spaces, each loaded once however many threads ask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.engine.model_choice import still_of
from mmsearch.engine.once import Once

if TYPE_CHECKING:
    from mmsearch.engine.model_choice import Models
    from mmsearch.engine.shared_encoder import SharedEncoder
    from mmsearch.protocols import DualEncoder, RegionEncoder
    from mmsearch.rerank_types import RegionProjection
    from mmsearch.types import Embeddings, Space


class SpaceEncoders:
    """Makes and keeps dual encoders and what questions need of them; thread-safe."""

    def __init__(self, models: Models, folder: Path) -> None:
        """Take where models come from, and the folder that keeps derived embeddings."""
        self._models = models
        self._folder = folder
        self._encoders: Once[str, DualEncoder] = Once()
        self._with_regions: Once[tuple[str, str], RegionEncoder] = Once()
        self._shared: Once[str, SharedEncoder] = Once()
        self._everyday: Once[str, Embeddings] = Once()

    def get(self, space: Space) -> DualEncoder:
        """The encoder of `space`."""
        return self._encoders.get(
            space.digest, lambda: still_of(space, self._models.load(space.name))
        )

    def with_regions(self, space: Space, projection: RegionProjection) -> RegionEncoder:
        """The encoder of `space` that gives the region features of `projection` too."""
        return self._with_regions.get(
            (space.digest, projection.digest),
            lambda: still_of(space, self._models.load_with_regions(space.name, projection)),
        )

    def holds(self, space: Space, projection: RegionProjection | None = None) -> bool:
        """Whether `get`, or `with_regions` where there is a projection, has that encoder."""
        if projection is None:
            return space.digest in self._encoders
        return (space.digest, projection.digest) in self._with_regions

    def shared(self, space: Space) -> SharedEncoder:
        """The same for questions: merged and remembered."""

        def share() -> SharedEncoder:
            from mmsearch.engine.shared_encoder import SharedEncoder

            return SharedEncoder(self.get(space))

        return self._shared.get(space.digest, share)

    def everyday(self, space: Space) -> Embeddings:
        """The embeddings `(p, d)` of everyday phrases in `space`."""

        def make() -> Embeddings:
            from mmsearch.engine.relevance import everyday_embeddings

            return everyday_embeddings(space, self._folder, lambda: self.get(space))

        return self._everyday.get(space.digest, make)
