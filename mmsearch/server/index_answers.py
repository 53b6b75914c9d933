"""What is answered about the index as a whole and its jobs, as the description has it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from pydantic import ConfigDict, Field, with_config

from mmsearch.server.answers import Answered, FailureInfo, Located, ProblemDetails, SpaceInfo
from mmsearch.server.jobs import JobState, Stage, Task
from mmsearch.types import IndexSummary, Modality


class Failures(Answered):
    """The files that could not be indexed."""

    failures: list[FailureInfo]


class RootInfo(Located):
    """An indexed folder."""

    online: bool
    n_files: int


class Roots(Answered):
    """The indexed folders."""

    roots: list[RootInfo]


class VectorFile(Answered):
    """How the embeddings of one modality are searched."""

    modality: Modality
    recipe: str
    n_rows: int
    n_recent: int = Field(description="So many came since the file was made.")
    size_bytes: int
    exact: bool = Field(description="Whether every search finds exactly the nearest.")


class SpaceCounts(SpaceInfo):
    """A model's share of the index."""

    is_default: bool
    n_images: int
    n_captions: int
    n_with_regions: int = Field(
        description="How many of the pictures have the region features that a reranker reads."
    )
    is_previous: bool = Field(
        description="Whether it was the default before, and can be gone back to."
    )
    vectors_size_bytes: int
    vectors: list[VectorFile]


class RerankerInfo(Answered):
    """The cross encoder that reorders first hits."""

    name: str
    default_depth: int = Field(description="How many first hits `rerank=auto` reads.")
    measured_lift: float = Field(
        description="What it adds to R@1 on validation data, text to image, in points; "
        "`rerank=auto` does nothing where this is not above 0."
    )


class Status(Located):
    """What the index holds."""

    index: str
    n_files: int
    n_contents: int
    n_captions: int
    n_failed: int
    size_bytes: int
    catalogue_size_bytes: int
    vectors_size_bytes: int
    roots: list[RootInfo]
    spaces: list[SpaceCounts]
    model: str | None
    reranker: RerankerInfo | None
    version: str
    login: bool = Field(description="Whether a token is needed.")


class FormatFacet(Answered):
    """How many files have a format."""

    format: str
    n_files: int


class OrientationFacet(Answered):
    """How many files have a shape."""

    orientation: Literal["landscape", "portrait", "square"]
    n_files: int


class FolderFacet(Located):
    """How many files lie at or below a folder."""

    n_files: int


class FacetCounts(Answered):
    """What there is to filter by."""

    n_files: int
    formats: list[FormatFacet]
    orientations: list[OrientationFacet]
    first_date: date | None
    last_date: date | None
    folders: list[FolderFacet]
    n_folders: int


@with_config(ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True))
@dataclass(frozen=True, slots=True)
class Summary(IndexSummary):
    """What one indexing run did."""


class Optimized(Answered):
    """What optimizing did."""

    rebuilt: list[str] = Field(description="The vector files that were made anew.")
    seconds: float


class JobInfo(Answered):
    """A job, which indexes or optimizes."""

    job_id: str
    task: Task
    state: JobState
    stage: Stage
    found: int = Field(description="Files seen so far.")
    done: int
    total: int
    failed: int
    model: str | None
    paths: list[str]
    n_warnings: int
    started_at: datetime
    finished_at: datetime | None
    summary: Summary | None = Field(description="What indexing did, once it is over.")
    optimized: Optimized | None = Field(description="What optimizing did, once it is over.")
    error: ProblemDetails | None


class JobList(Answered):
    """Jobs, newest first."""

    jobs: list[JobInfo]


class Removed(Answered):
    """How many files were forgotten."""

    removed: int


class Wellbeing(Answered):
    """How the server is."""

    status: Literal["alive", "ready"]
