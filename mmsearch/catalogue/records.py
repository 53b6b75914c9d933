"""What goes into the catalogue, what comes out: frozen records.

`relative` is always `os.fsencode` of a root-relative path with `/` between its parts, so that
names that are not UTF-8, or hold newlines, survive.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmsearch.rerank_types import RegionProjection
from mmsearch.types import Ids, MediaMetadata, Space


class KnownFile(NamedTuple):
    """A file as last seen. A tuple, not a dataclass: a scan reads millions of them."""

    media_id: int
    content_id: int
    relative: bytes
    size_bytes: int
    mtime_ns: int


class KnownFailure(NamedTuple):
    """A file that failed, as it was then, and why."""

    relative: bytes
    size_bytes: int
    mtime_ns: int
    reason: str


@dataclass(frozen=True, slots=True)
class RootRecord:
    """A folder that was indexed; no root lies inside another. `online` is False while missing."""

    root_id: int
    path: Path
    online: bool


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file to record: new, changed, touched, duplicate or moved.

    `digest` is the BLAKE3 of its bytes, hexadecimal. `metadata` and `embedding` `(d,)` float32
    may be None where the catalogue already knows the digest. `regions` `(r, c)` int8 are its
    region features, None where they are not wanted. `moved_from` is the media id of the row that
    takes this place, with its captions.
    """

    relative: bytes
    size_bytes: int
    mtime_ns: int
    digest: str
    metadata: MediaMetadata | None = None
    embedding: NDArray[np.float32] | None = None
    regions: NDArray[np.int8] | None = None
    moved_from: int | None = None


@dataclass(frozen=True, slots=True)
class FailureEntry:
    """A file that could not be indexed, as it was then. Its media row, if any, stays."""

    relative: bytes
    size_bytes: int
    mtime_ns: int
    reason: str


@dataclass(frozen=True, slots=True)
class CatalogueBatch:
    """Changes below one root that are committed together or not at all.

    `removals` are media ids; `resolved` are paths whose recorded failure is to be forgotten (the
    files are gone; an entry of `files` forgets the failure at its path by itself). `space` is
    what the embeddings of `files` belong to, `projection` what gave their regions.
    """

    root_id: int
    files: tuple[FileEntry, ...] = ()
    removals: tuple[int, ...] = ()
    failures: tuple[FailureEntry, ...] = ()
    resolved: tuple[bytes, ...] = ()
    space: Space | None = None
    projection: RegionProjection | None = None


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What a batch did, in files.

    `updated` had other bytes before, `touched` the same. `missing` were not written: their bytes
    are unknown here (perhaps another process just dropped them) and came without metadata.
    """

    added: int = 0
    updated: int = 0
    touched: int = 0
    moved: int = 0
    removed: int = 0
    failed: int = 0
    missing: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class PendingContent:
    """A picture that lacks its embedding, or its regions, in some space, at one of its places."""

    content_id: int
    root_id: int
    relative: bytes
    path: Path
    digest: str
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class CaptionEntry:
    """A caption to record; `source` says where it came from. None = a free caption."""

    text: str
    media_id: int | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class CaptionsAdded:
    """Caption ids `(n,)`, one an entry in the entries' order; `added` of them are new."""

    ids: Ids
    added: int


@dataclass(frozen=True, slots=True)
class SpaceRecord:
    """A space, and how many embeddings the catalogue holds in it.

    `n_with_regions` of the pictures have region features too.
    """

    space: Space
    n_images: int
    n_captions: int
    is_default: bool
    n_with_regions: int


@dataclass(frozen=True, slots=True)
class DamagedBlob:
    """An embedding, or the region features of a picture, that is not as it was written."""

    item_id: int
    damage: str


@dataclass(frozen=True, slots=True)
class BlobPage:
    """So many blobs were looked at, of which some are damaged."""

    n_blobs: int
    damaged: tuple[DamagedBlob, ...]


@dataclass(frozen=True, slots=True)
class Lacking:
    """How many pictures lack something, and one file of them; None where none does."""

    n_pictures: int
    media_id: int | None


@dataclass(frozen=True, slots=True)
class CatalogueCounts:
    """How many rows of each kind there are; `contents` counts distinct pictures."""

    roots: int
    files: int
    contents: int
    captions: int
    failures: int
