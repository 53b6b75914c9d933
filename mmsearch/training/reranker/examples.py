"""What a cross encoder learns from: pictures and captions as a dual encoder has seen them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmsearch.errors import DatasetError
from mmsearch.rerank import region_projection
from mmsearch.rerank_types import QueryBank, RegionProjection
from mmsearch.types import Embeddings


@dataclass(frozen=True, slots=True, eq=False)
class Reduction:
    """A fixed linear map from tapped cells `(r, k)` to fewer numbers `(r, k')`.

    `weight` `(k', k)` and `bias` `(k',)` float32; taps, rows and columns are those of
    `types.RegionProjection`.
    """

    taps: tuple[str, ...]
    rows: int
    columns: int
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    @property
    def width(self) -> int:
        """How many numbers k' a reduced cell has."""
        return len(self.weight)

    def composed(
        self, weight: NDArray[np.float32], bias: NDArray[np.float32], grid: tuple[int, int]
    ) -> RegionProjection:
        """The projection that reduces cells on `grid`, then applies `weight` `(c, k')`, `bias`."""
        whole = weight.astype(np.float64) @ self.weight.astype(np.float64)
        shift = weight.astype(np.float64) @ self.bias.astype(np.float64) + bias
        return region_projection(
            self.taps, *grid, whole.astype(np.float32), shift.astype(np.float32)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Training pictures among which a random one is drawn, with its neighbours.

    A batch stays within one `fold`, for features of different models are not compared. `share` is
    how often this pool is chosen among those of its fold, relative to them; `weights` `(a,)` how
    often each picture is, None = equally.
    """

    pictures: NDArray[np.int64]
    fold: int = 0
    share: float = 1.0
    weights: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ValidationSet:
    """Pictures `(b,)` that nothing is learned from.

    `weight` is how much they count where weights are kept and fused; 0 = reported only.
    """

    name: str
    pictures: NDArray[np.int64]
    weight: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Pictures n and captions m as a dual encoder has seen them.

    Attributes:
        reduction: What made `cells` of the encoder's grids.
        cells: For each view, `(n, r, k')` float16, usually memory-mapped; the first view is the
            picture as it is, others are varied and needed of training pictures only.
        images: For each view, the dual embeddings `(n, d)` float32.
        texts: Dual embeddings `(m, d)` float32 of the captions.
        tokens: The captions as token ids int64 of the language encoder's tokenizer.
        owner: `(m,)` int64, the picture of each caption.
        key: `(m,)` int64, equal for captions that read the same.
        group: `(n,)` int64, equal for identical pictures.
        bank: Typical questions, to tell hubs by.
        train: Where training pictures are drawn from.
        val: What is validated on; the first set's lift is the one that is written down.
        space_digest: The dual encoder's space.
        dual: The dual encoder's name, for people.
        fingerprint: Tells these examples from others when a run is resumed.
    """

    reduction: Reduction
    cells: tuple[NDArray[np.float16], ...]
    images: tuple[Embeddings, ...]
    texts: Embeddings
    tokens: tuple[NDArray[np.int64], ...]
    owner: NDArray[np.int64]
    key: NDArray[np.int64]
    group: NDArray[np.int64]
    bank: QueryBank
    train: tuple[Pool, ...]
    val: tuple[ValidationSet, ...]
    space_digest: str
    dual: str
    fingerprint: str

    def check(self) -> None:
        """Refuse what cannot be learned from.

        Raises:
            DatasetError: Too few pictures, pictures without captions, parts that don't fit.
        """
        captioned = np.zeros(len(self.group), np.bool_)
        captioned[self.owner] = True
        named = [("learn from", pool.pictures) for pool in self.train]
        named += [("validate on", part.pictures) for part in self.val]
        for purpose, pictures in named:
            if len(pictures) < 2 or not captioned[pictures].all():
                raise DatasetError(
                    f"examples: {len(pictures)} pictures to {purpose}, "
                    f"{int(captioned[pictures].sum())} with captions: at least 2 are needed, "
                    "all with captions"
                )
        captions = {len(self.texts), len(self.tokens), len(self.owner), len(self.key)}
        sizes = {len(self.group), *map(len, self.cells), *map(len, self.images)}
        fits = len(captions) == 1 and len(sizes) == 1 and len(self.cells) == len(self.images)
        shape = (self.reduction.rows * self.reduction.columns, self.reduction.width)
        if not (fits and self.train and self.val) or self.cells[0].shape[1:] != shape:
            raise DatasetError("examples: parts of different sizes: build them again")


class CaptionIndex:
    """The captions of each picture."""

    def __init__(self, owner: NDArray[np.int64], n_pictures: int) -> None:
        self._order = np.argsort(owner, kind="stable").astype(np.int64)
        self._starts = np.searchsorted(owner[self._order], np.arange(n_pictures + 1))

    def of(self, picture: int) -> NDArray[np.int64]:
        """Numbers `(c,)` of the captions of one picture, ascending."""
        return self._order[self._starts[picture] : self._starts[picture + 1]]

    def of_all(self, pictures: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of the captions of `pictures`, one picture after the other."""
        return np.concatenate([self.of(int(picture)) for picture in pictures])
