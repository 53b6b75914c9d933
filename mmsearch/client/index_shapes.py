"""A server's answers about the index as a whole and its jobs, and the records they stand for."""

from __future__ import annotations

from datetime import date as Day  # noqa: N812 - a field has its name

from pydantic import BaseModel

from mmsearch.client.shapes import Located, SpaceShape
from mmsearch.engine.records import (
    LibraryStatus,
    RerankerStatus,
    RootStatus,
    SpaceStatus,
    VectorFileStatus,
)
from mmsearch.engine.upkeep.findings import OptimizeReport
from mmsearch.types import (
    Facets,
    FolderCount,
    FormatCount,
    IndexSummary,
    Orientation,
    OrientationCount,
)


class RootShape(Located):
    """An indexed folder."""

    online: bool
    n_files: int


class SpaceCounts(SpaceShape):
    """A model's share of an index."""

    is_default: bool
    n_images: int
    n_captions: int
    n_with_regions: int
    is_previous: bool = False
    vectors_size_bytes: int
    vectors: tuple[VectorFileStatus, ...] = ()

    def status(self) -> SpaceStatus:
        """The record."""
        return SpaceStatus(
            space=self.space(),
            is_default=self.is_default,
            n_images=self.n_images,
            n_captions=self.n_captions,
            vectors_size_bytes=self.vectors_size_bytes,
            n_with_regions=self.n_with_regions,
            vectors=self.vectors,
            is_previous=self.is_previous,
        )


class StatusShape(Located):
    """What an index holds."""

    index: str
    n_files: int
    n_contents: int
    n_captions: int
    n_failed: int
    catalogue_size_bytes: int
    vectors_size_bytes: int
    roots: list[RootShape]
    spaces: list[SpaceCounts]
    reranker: RerankerStatus | None

    def status(self) -> LibraryStatus:
        """The record."""
        return LibraryStatus(
            index=self.index,
            path=self.place(),
            n_files=self.n_files,
            n_contents=self.n_contents,
            n_captions=self.n_captions,
            n_failed=self.n_failed,
            catalogue_size_bytes=self.catalogue_size_bytes,
            vectors_size_bytes=self.vectors_size_bytes,
            roots=tuple(RootStatus(one.place(), one.online, one.n_files) for one in self.roots),
            spaces=tuple(space.status() for space in self.spaces),
        )


class FormatFacet(BaseModel):
    """How many files have a format."""

    format: str
    n_files: int


class OrientationFacet(BaseModel):
    """How many files have a shape."""

    orientation: Orientation
    n_files: int


class FolderFacet(Located):
    """How many files lie below a folder."""

    n_files: int


class FacetsShape(BaseModel):
    """What there is to filter by."""

    n_files: int
    formats: list[FormatFacet]
    orientations: list[OrientationFacet]
    first_date: Day | None
    last_date: Day | None
    folders: list[FolderFacet]
    n_folders: int

    def facets(self) -> Facets:
        """The record."""
        return Facets(
            n_files=self.n_files,
            formats=tuple(FormatCount(one.format, one.n_files) for one in self.formats),
            orientations=tuple(
                OrientationCount(one.orientation, one.n_files) for one in self.orientations
            ),
            first_date=self.first_date,
            last_date=self.last_date,
            folders=tuple(FolderCount(one.place(), one.n_files) for one in self.folders),
            n_folders=self.n_folders,
        )


class JobError(BaseModel):
    """Why a job failed."""

    type: str
    detail: str


class JobShape(BaseModel):
    """A job, which indexes or optimizes."""

    job_id: str
    state: str
    stage: str
    found: int
    done: int
    total: int
    failed: int
    model: str | None
    summary: IndexSummary | None
    optimized: OptimizeReport | None = None
    error: JobError | None


class Removed(BaseModel):
    """How many files were forgotten."""

    removed: int
