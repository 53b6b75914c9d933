"""The contracts between rooms: what a part must do to be plugged in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from mmsearch.rerank_types import Fusion, Pairs, QueryBank, RegionCodes, RegionProjection
from mmsearch.types import Embeddings, Ids, ImageTensor, Neighbours, Scores, Space


@dataclass(frozen=True, slots=True)
class EmbeddingChanges:
    """A run of changes to replay, in order: first drop `removed`, then put `ids`/`embeddings`.

    `removed` `(m,)` int64; `ids` `(n,)` int64; `embeddings` `(n, d)` float32, L2-normalised.
    An id may be put again with another embedding; the last one counts. `generation` is the
    catalogue generation that holds once this run is applied.
    """

    removed: Ids
    ids: Ids
    embeddings: Embeddings
    generation: int


class DualEncoder(Protocol):
    """Embeds pictures and texts into one space."""

    @property
    def space(self) -> Space:
        """The space all embeddings of this encoder belong to."""

    def encode_images(self, images: ImageTensor) -> Embeddings:
        """Embeddings `(n, d)` of pictures `(n, h, w, 3)` uint8 at `space.input` size."""

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embeddings `(n, d)` of `n` texts; longer ones are cut at the context length."""


class RegionEncoder(DualEncoder, Protocol):
    """A dual encoder that gives the region features of a picture in the same pass."""

    @property
    def projection(self) -> RegionProjection:
        """How its grids become region features."""

    def encode_with_regions(self, images: ImageTensor) -> tuple[Embeddings, RegionCodes]:
        """Embeddings `(n, d)` and region features `(n, r, c)` of pictures `(n, h, w, 3)` uint8."""


class CrossEncoder(Protocol):
    """Reads words and the regions of a picture together."""

    @property
    def projection(self) -> RegionProjection:
        """Which region features it reads."""

    @property
    def fusion(self) -> Fusion:
        """How its logits go together with the dual encoder's cosines."""

    @property
    def bank(self) -> QueryBank:
        """Typical questions, to hold hubs back."""

    def score(self, texts: Sequence[str], regions: RegionCodes, pairs: Pairs) -> Scores:
        """The match logit `(p,)` of each pair of a text and a picture `(n, r, c)`.

        Each text and each picture is read once, however many pairs it is in.
        """


class EmbeddingSource(Protocol):
    """Where a vector index reads what it must hold: one modality of one space."""

    @property
    def generation(self) -> int:
        """The generation of the newest change, 0 when there is none."""

    @property
    def dim(self) -> int:
        """Embedding dimension d."""

    def count(self) -> int:
        """How many embeddings the source holds now."""

    def can_replay_from(self, generation: int) -> bool:
        """Whether all changes after `generation` are still known (deletions included)."""

    def changes_since(self, generation: int) -> Iterator[EmbeddingChanges]:
        """Changes after `generation` in bounded runs, oldest first; 0 replays everything."""


class VectorIndex(Protocol):
    """Nearest neighbours by inner product over the embeddings of one source."""

    @property
    def generation(self) -> int:
        """The source generation this index covers."""

    @property
    def superseded(self) -> bool:
        """Whether a better one has been put in its place, to be opened."""

    def __len__(self) -> int:
        """How many embeddings the index holds."""

    def catch_up(self, source: EmbeddingSource) -> int:
        """Rows applied to bring the index to the source's generation."""

    def search(
        self, queries: Embeddings, k: int, allowed: Ids | None = None, *, exact: bool = False
    ) -> Neighbours:
        """The `k` nearest of each query `(q, d)`, among `allowed` `(a,)` ids where given.

        With `exact` none is missed. Without, a longer answer begins with the shorter one.
        """
