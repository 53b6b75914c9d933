"""A dual encoder for questions, which remembers the embeddings of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmsearch.engine.recent import Recent

if TYPE_CHECKING:
    from mmsearch.protocols import DualEncoder
    from mmsearch.types import Embeddings, ImageTensor, Space

MOST_REMEMBERED = 4096
"""Texts whose embedding is kept: 8 MB at 512 dimensions."""


class SharedEncoder:
    """A `DualEncoder` over another one, for many threads.

    Half-precision arithmetic gives slightly other numbers in another batch, and the pages of one
    answer must come from the very same query: hence the first embedding of a text is kept.
    """

    def __init__(self, encoder: DualEncoder) -> None:
        self._encoder = encoder
        self._remembered: Recent[str, NDArray[np.float32]] = Recent(MOST_REMEMBERED)

    @property
    def space(self) -> Space:
        """The space all embeddings of this encoder belong to."""
        return self._encoder.space

    def encode_images(self, images: ImageTensor) -> Embeddings:
        """Embeddings `(n, d)` of pictures `(n, h, w, 3)` uint8 at `space.input` size."""
        return self._encoder.encode_images(images)

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embeddings `(n, d)` of `n` texts; longer ones are cut at the context length."""
        row_of = {text: self._remembered.get(text) for text in texts}
        new = [text for text, row in row_of.items() if row is None]
        if new:
            for text, row in zip(new, self._encoder.encode_texts(new), strict=True):
                row_of[text] = self._remembered.keep(text, row.copy())  # not the whole batch
        rows = [row for text in texts if (row := row_of[text]) is not None]
        return np.stack(rows) if rows else np.empty((0, self.space.dim), np.float32)
