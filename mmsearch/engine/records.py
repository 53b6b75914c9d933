"""What the engine is asked and what it answers, beyond the types every room shares."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmsearch.types import (
    CaptionHit,
    CaptionRecord,
    Failure,
    Hit,
    MediaRecord,
    Modality,
    Space,
)


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How to walk, and which caption files to attach.

    `exclude` holds globs that are matched against a name and against a root-relative path.
    `rerank_features`: whether to keep what a reranker reads of each picture; None: where the
    model has a reranker. `recheck`: whether to read all files, also those whose size and time are
    as before. `allow_mass_removal`: whether pictures that are gone leave the index even where
    they are more than half of a folder; else the summary tells of them in `held_back`.
    `retry_failed`: whether files that failed before are read again though they have not changed;
    those that were over a limit which is higher now are in any case.
    """

    captions: tuple[Path, ...] = ()
    exclude: tuple[str, ...] = ()
    include_hidden: bool = False
    rerank_features: bool | None = None
    recheck: bool = False
    allow_mass_removal: bool = False
    retry_failed: bool = False


@dataclass(frozen=True, slots=True)
class RootStatus:
    """One indexed folder; `online` says whether it is there now."""

    path: Path
    online: bool
    n_files: int


@dataclass(frozen=True, slots=True)
class VectorFileStatus:
    """How the embeddings of one modality are searched, as its vector file was last saved.

    `recipe` names the kind of index; `exact` says whether it finds exactly the nearest.
    `n_recent` of the `n_rows` came since the file was made, and are scanned beside it;
    `size_bytes` is on disk.
    """

    modality: Modality
    recipe: str
    n_rows: int
    n_recent: int
    size_bytes: int
    exact: bool


@dataclass(frozen=True, slots=True)
class SpaceStatus:
    """One model's share of an index; `vectors_size_bytes` is its vector files on disk.

    `n_with_regions` of the pictures have the region features that a reranker reads; `vectors`
    has a line for each vector file that can be used. `is_previous`: it was the default before the
    present one, and can be gone back to.
    """

    space: Space
    is_default: bool
    n_images: int
    n_captions: int
    vectors_size_bytes: int
    n_with_regions: int = 0
    is_previous: bool = False
    vectors: tuple[VectorFileStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class RerankerStatus:
    """The cross encoder that reorders first hits.

    `measured_lift` is what it adds to R@1 on validation data, text to image, in points; where it
    adds something, the first `default_depth` hits are reranked unless the question says otherwise.
    """

    name: str
    default_depth: int
    measured_lift: float


@dataclass(frozen=True, slots=True)
class LibraryStatus:
    """What an index holds; `path` is its folder. `n_contents` counts distinct bytes."""

    index: str
    path: Path
    n_files: int
    n_contents: int
    n_captions: int
    n_failed: int
    catalogue_size_bytes: int
    vectors_size_bytes: int
    roots: tuple[RootStatus, ...]
    spaces: tuple[SpaceStatus, ...]

    @property
    def size_bytes(self) -> int:
        """All that the index takes on disk."""
        return self.catalogue_size_bytes + self.vectors_size_bytes


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """All that is known of one file; `media` is None for a file that only failed.

    `root` is the indexed folder it belongs to, None where that is not known; `copies` are the
    other files of equal bytes; `spaces` those that hold its embedding, `region_spaces` those that
    hold its region features.
    """

    path: Path
    media: MediaRecord | None
    failure: Failure | None
    root: Path | None = None
    captions: tuple[CaptionRecord, ...] = ()
    copies: tuple[MediaRecord, ...] = ()
    spaces: tuple[Space, ...] = ()
    region_spaces: tuple[Space, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """Pictures found, and what may be said of the search as a whole.

    `n_candidates` pictures passed the filters and were searched. `matches` is False when nothing
    among them looks like the question, so that the hits are merely the closest; None where that
    cannot be told (see `engine.relevance`). Answers of equal `generation` are of the same state
    of the index: their pages join without gap or overlap. `reranked` of the whole answer's
    first hits were read by a cross encoder and are in its order, 0 = none. `exact` is False where
    a large index was searched by its lists, which may miss something near.
    """

    hits: tuple[Hit, ...]
    n_candidates: int
    matches: bool | None
    generation: int
    reranked: int = 0
    exact: bool = True


@dataclass(frozen=True, slots=True)
class CaptionAnswer:
    """Captions found; as `Answer`, of captions."""

    hits: tuple[CaptionHit, ...]
    n_candidates: int
    matches: bool | None
    generation: int
    reranked: int = 0
    exact: bool = True
