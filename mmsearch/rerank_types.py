"""The data of reranking that flows between rooms: region features, and how scores are fused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mmsearch.types import Embeddings

RegionCodes: TypeAlias = NDArray[np.int8]
"""`(n, r, c)` int8, the quantised features of r regions of each of n pictures."""

Pairs: TypeAlias = NDArray[np.int64]
"""`(p, 2)` int64, row of a text and row of a picture."""


@dataclass(frozen=True, slots=True, eq=False)
class RegionProjection:
    """How the grids inside a dual encoder's image tower become the region features of a picture.

    `taps` name submodules of the open_clip model. The output of each, `(n, c_i, h, w)`, or
    `(n, l, c_i)` with a square number of patch tokens at the end, is averaged to `rows` x
    `columns` cells; the cells' channels, one tap after the other, are the `(r, k)` input of
    `codes = round(clip(cells @ weight.T + bias, -127, 127))`, row by row from the top left.
    `weight` is `(c, k)` float32, `bias` `(c,)` float32. `digest` is hexadecimal BLAKE3 over all
    of this: codes are compared only with codes of an equal one.
    """

    taps: tuple[str, ...]
    rows: int
    columns: int
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    digest: str

    @property
    def n_regions(self) -> int:
        """How many regions r a picture has."""
        return self.rows * self.columns

    @property
    def dim(self) -> int:
        """Channels c of a region's code."""
        return len(self.weight)

    @property
    def size_bytes(self) -> int:
        """What the codes of one picture take."""
        return self.n_regions * self.dim

    @property
    def key(self) -> str:
        """A short name that is unique on disk: the digest's first 16 hexadecimal digits."""
        return self.digest[:16]


@dataclass(frozen=True, slots=True)
class Fusion:
    """How a match logit and a cosine become one score, by what is ranked.

    The score of a picture is `logit + images * (cosine - image_hubness * hubness)`, that of a
    caption the same with the other two; hubness is told by a `QueryBank` at `temperature`. All
    are learned on validation data.
    """

    images: float
    captions: float
    image_hubness: float = 0.0
    caption_hubness: float = 0.0
    temperature: float = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class QueryBank:
    """Embeddings of typical questions, which tell what answers too many of them.

    `texts` `(t, d)` and `images` `(i, d)` float32, L2-normalised; either may be empty.
    """

    texts: Embeddings
    images: Embeddings


NO_QUESTIONS = QueryBank(np.empty((0, 1), np.float32), np.empty((0, 1), np.float32))
"""A bank that tells nothing: no item is a hub."""
