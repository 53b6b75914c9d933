"""The encoders of a library's spaces, each loaded once however many threads ask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.engine.model_choice import still_of
from mmsearch.engine.once import Once

if TYPE_CHECKING:
    from mmsearch.engine.model_choice import Models
    from mmsearch.engine.shared_encoder import SharedEncoder
    from mmsearch.protocols import DualEncoder
    from mmsearch.types import Embeddings, Space


class SpaceEncoders:
    """Makes and keeps dual encoders and what questions need of them; thread-safe."""

    def __init__(self, models: Models, folder: Path) -> None:
        """Take where models come from, and the folder that keeps derived embeddings."""
        self._models = models
        self._folder = folder
        self._encoders: Once[str, DualEncoder] = Once()
        self._shared: Once[str, SharedEncoder] = Once()
        self._everyday: Once[str, Embeddings] = Once()

    def get(self, space: Space) -> DualEncoder:
        """The encoder of `space`."""
        return self._encoders.get(
            space.digest, lambda: still_of(space, self._models.load(space.name))
        )

    def holds(self, space: Space) -> bool:
        """Whether `get` has that encoder already."""
        return space.digest in self._encoders

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

    def clear(self) -> None:
        """Let go of the encoders."""
        self._shared.clear()
        self._encoders.clear()
