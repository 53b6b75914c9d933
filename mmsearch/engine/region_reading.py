"""The region features of pictures: from the catalogue, else made from the files and kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmsearch.engine.pace import Budget, Pace
from mmsearch.errors import CatalogueError, MediaError

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue
    from mmsearch.engine.query_pictures import QueryPicture
    from mmsearch.protocols import RegionEncoder
    from mmsearch.rerank_types import RegionProjection
    from mmsearch.types import MediaRecord, Space

logger = logging.getLogger(__name__)

Codes = NDArray[np.int8]
"""`(r, c)` int8, the region features of one picture."""

_BATCH = 16
"""Pictures that are embedded in one pass, where time is not limited."""

_GUESS_S = 0.03
"""What one picture is taken to cost before any was made."""


@dataclass(frozen=True, slots=True)
class RegionParts:
    """What region features are made with.

    `pixels` gives those `(h, w, 3)` uint8 of a catalogued file at the space's input size, or
    raises `MediaError` where it is gone or has changed since it was indexed. `load_encoder`
    remembers what it gave.
    """

    space: Space
    projection: RegionProjection
    load_encoder: Callable[[], RegionEncoder]
    pixels: Callable[[MediaRecord], NDArray[np.uint8]]


class RegionReader:
    """Region features by content id, in one space and projection; for many threads."""

    def __init__(self, parts: RegionParts) -> None:
        self._parts = parts
        self._pace = Pace()
        self._pace.note(1, _GUESS_S)

    @property
    def space(self) -> Space:
        """The space of the pictures."""
        return self._parts.space

    @property
    def projection(self) -> RegionProjection:
        """What the features are of: they are of use only with its cross encoder."""
        return self._parts.projection

    def read(
        self, pictures: Sequence[MediaRecord], catalogue: Catalogue, budget: Budget
    ) -> dict[int, Codes]:
        """The features of some pictures, by content id; absent where there are none in time.

        Those that are not in the catalogue, as in one made before there were any, are made from
        the files: what is left of half the budget goes into it. They are kept, so that each is
        made once.
        """
        with budget.spend():
            codes = self.known([picture.content_id for picture in pictures], catalogue)
        missing = [picture for picture in pictures if picture.content_id not in codes]
        if missing:
            made = self._made_in_time(missing, budget)
            self._keep(made, catalogue)
            codes.update(made)
        return codes

    def known(self, content_ids: Sequence[int], catalogue: Catalogue) -> dict[int, Codes]:
        """The features that the catalogue has."""
        wanted = np.array(content_ids, np.int64)
        parts = self._parts
        ids, codes = catalogue.region_codes(parts.space, parts.projection, wanted)
        return dict(zip(ids.tolist(), codes, strict=True))

    def of_known(self, picture: QueryPicture, catalogue: Catalogue) -> Codes | None:
        """The features of a question's picture whose embedding is known; None: none to be had."""
        prepared, content_id = picture.prepared, picture.content_id
        if prepared is not None and prepared.regions_digest == self.projection.digest:
            return prepared.regions
        if content_id is None:
            return None
        files = catalogue.media_of_content(content_id)
        return self.read(files[:1], catalogue, Budget(None, self._pace)).get(content_id)

    def encode(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], Codes]:
        """Embedding `(1, d)` and features of one picture `(h, w, 3)`, in one pass."""
        embedding, codes = self._parts.load_encoder().encode_with_regions(pixels[np.newaxis])
        return embedding, codes[0]

    def _made_in_time(self, pictures: Sequence[MediaRecord], budget: Budget) -> dict[int, Codes]:
        """The features of the first pictures that can be made, best hits first."""
        least_s = budget.left_s / 2 if budget.limited else 0.0
        if budget.limited and self._pace.expected(1) > budget.left_s - least_s:
            return {}
        self._parts.load_encoder()  # not on the clock
        size = 1 if budget.limited else _BATCH
        made: dict[int, Codes] = {}
        for start in range(0, len(pictures), size):
            if budget.limited and self._pace.expected(1) > budget.left_s - least_s:
                break
            before_s = budget.left_s
            with budget.spend():
                made.update(self._made(pictures[start : start + size]))
            if budget.limited:
                self._pace.note(1, before_s - budget.left_s)
        return made

    def _made(self, pictures: Sequence[MediaRecord]) -> dict[int, Codes]:
        """The features of those pictures whose file can still be read."""
        pixels = {}
        for picture in pictures:
            try:
                pixels[picture.content_id] = self._parts.pixels(picture)
            except MediaError as exc:
                logger.info("%s cannot be reranked: %s", picture.path, exc)
        if not pixels:
            return {}
        _, codes = self._parts.load_encoder().encode_with_regions(np.stack(list(pixels.values())))
        return dict(zip(pixels, codes, strict=True))

    def _keep(self, made: Mapping[int, Codes], catalogue: Catalogue) -> None:
        """Put features into the catalogue; where it cannot be written, they cost time again."""
        if not made or not catalogue.writable:
            return
        ids = np.array(list(made), np.int64)
        try:
            catalogue.put_region_codes(
                self._parts.space, self._parts.projection, ids, np.stack(list(made.values()))
            )
        except CatalogueError as exc:
            logger.info("region features of %d pictures are not kept: %s", len(made), exc)
