"""The data that flows between rooms: frozen records and array aliases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Embeddings: TypeAlias = NDArray[np.float32]
"""`(n, d)` float32, rows L2-normalised."""

ImageTensor: TypeAlias = NDArray[np.uint8]
"""`(n, h, w, 3)` uint8, upright RGB at the model's input size."""

Scores: TypeAlias = NDArray[np.float32]
"""`(n,)` float32."""

Ids: TypeAlias = NDArray[np.int64]
"""`(n,)` int64 item ids, -1 = empty slot."""


class Modality(StrEnum):
    """What an embedding stands for; each modality of a space has its own vector index."""

    IMAGE = "image"
    CAPTION = "caption"


class ResizeMode(StrEnum):
    """How a picture becomes the model's input square."""

    SQUASH = "squash"
    CROP = "crop"
    PAD = "pad"


@dataclass(frozen=True, slots=True)
class InputSpec:
    """The picture a model wants: what `media` must know of it, no more.

    `fill` is the RGB colour of the border that `PAD` adds.
    """

    height: int
    width: int
    resize_mode: ResizeMode = ResizeMode.SQUASH
    interpolation: str = "bicubic"
    fill: tuple[int, int, int] = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Space:
    """One model's embedding space: only vectors of equal `key` may be compared.

    `digest` is hexadecimal BLAKE3 over weights, preprocessing and tokenizer.
    """

    name: str
    digest: str
    dim: int
    input: InputSpec

    @property
    def key(self) -> str:
        """A short name that is unique on disk: the digest's first 16 hexadecimal digits."""
        return self.digest[:16]


@dataclass(frozen=True, slots=True)
class MediaMetadata:
    """What a picture says of itself; `width` and `height` are upright, in pixels.

    `latitude` and `longitude` are in degrees, WGS 84.
    """

    width: int
    height: int
    format: str
    taken_at: datetime | None = None
    latitude: float | None = None
    longitude: float | None = None
    camera: str | None = None


@dataclass(frozen=True, slots=True)
class MediaRecord:
    """One file of the catalogue.

    `content_id` names its bytes: byte-identical files share it, and with it the embedding.
    `online` is False while the file's root is missing.
    """

    media_id: int
    content_id: int
    path: Path
    size_bytes: int
    mtime_ns: int
    digest: str
    metadata: MediaMetadata
    online: bool = True

    @property
    def date(self) -> date | None:
        """The day it was taken, else the day its file was written, in local time.

        None where the file's time lies outside the calendar (a broken disk).
        """
        if self.metadata.taken_at is not None:
            return self.metadata.taken_at.date()
        return local_day(self.mtime_ns)


def local_day(time_ns: int) -> date | None:
    """The day of a time since 1970 in this machine's zone, None where no calendar has it."""
    try:
        return datetime.fromtimestamp(time_ns // 10**9).date()
    except (ValueError, OverflowError, OSError):
        return None


class Orientation(StrEnum):
    """The shape of an upright picture; square only where both sides are equal."""

    LANDSCAPE = "landscape"
    PORTRAIT = "portrait"
    SQUARE = "square"


@dataclass(frozen=True, slots=True)
class Filters:
    """Which files a search is about; what is None or empty does not restrict.

    `under`: at or below this path. `taken_from`, `taken_to`: `MediaRecord.date` between the two,
    both inclusive. `formats`: names as in `MediaMetadata.format`, in any case; usual file name
    suffixes mean theirs ("jpg" is JPEG).
    """

    under: Path | None = None
    taken_from: date | None = None
    taken_to: date | None = None
    formats: tuple[str, ...] = ()
    orientation: Orientation | None = None


NO_FILTERS = Filters()
"""Filters that every file passes."""


@dataclass(frozen=True, slots=True)
class CaptionRecord:
    """One caption of the text corpus; `media` is None for a free caption."""

    caption_id: int
    text: str
    media: MediaRecord | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A picture found. `rank` counts from 1; `score` is a cosine in [-1, 1].

    Where a cross encoder has read it, `rerank_score` (a fused logit, higher is better) is what
    ranks it, and `dual_rank` is the rank it had by `score`; both are None elsewhere.
    """

    rank: int
    score: float
    media: MediaRecord
    rerank_score: float | None = None
    dual_rank: int | None = None


@dataclass(frozen=True, slots=True)
class CaptionHit:
    """A caption found. `rank` counts from 1; `score` is a cosine in [-1, 1].

    `rerank_score` and `dual_rank` are as in `Hit`.
    """

    rank: int
    score: float
    caption: CaptionRecord
    rerank_score: float | None = None
    dual_rank: int | None = None


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Search results: `ids` `(q, k)` int64, -1 = empty slot; `scores` `(q, k)` float32.

    Rows run from the highest score down, ties by ascending id; an empty slot scores -inf.
    `exact` is False where a nearer one may have been missed: the scores are exact all the same.
    """

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]
    exact: bool = True


@dataclass(frozen=True, slots=True)
class FormatCount:
    """How many files have a format."""

    format: str
    n_files: int


@dataclass(frozen=True, slots=True)
class OrientationCount:
    """How many files have an orientation."""

    orientation: Orientation
    n_files: int


@dataclass(frozen=True, slots=True)
class FolderCount:
    """How many files lie at or below a folder."""

    path: Path
    n_files: int


@dataclass(frozen=True, slots=True)
class Facets:
    """What there is to filter by; formats and orientations with most files first.

    `folders` are those with most files where there are very many (`n_folders` counts all), by
    path; the indexed folders are among them. Dates are `MediaRecord.date`, None without files.
    """

    n_files: int
    formats: tuple[FormatCount, ...]
    orientations: tuple[OrientationCount, ...]
    first_date: date | None
    last_date: date | None
    folders: tuple[FolderCount, ...]
    n_folders: int


@dataclass(frozen=True, slots=True)
class Failure:
    """One file that could not be indexed, and why. `failed_at` is UTC."""

    path: Path
    reason: str
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Files that are gone and yet kept: `n_gone` of the `n_known` below `path`, over half."""

    path: Path
    n_gone: int
    n_known: int


@dataclass(frozen=True, slots=True)
class IndexSummary:
    """What one indexing run did. Counts are files, except the two caption counts.

    Nothing was removed of the folders in `held_back`: see `IndexOptions.allow_mass_removal`.
    """

    added: int = 0
    updated: int = 0
    moved: int = 0
    removed: int = 0
    unchanged: int = 0
    failed: int = 0
    captions_added: int = 0
    captions_unmatched: int = 0
    seconds: float = 0.0
    images_per_second: float = 0.0
    offline_roots: tuple[Path, ...] = ()
    interrupted: bool = False
    held_back: tuple[HeldBack, ...] = ()
