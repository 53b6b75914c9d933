"""What is answered, as the OpenAPI description has it; `shapes.py` builds the same."""

from __future__ import annotations

from datetime import date as Day  # noqa: N812 - a field has its name
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from mmsearch.server.questions import SearchFilters, Term

_RERANK_SCORE = "What ranks it where a cross encoder has read it; null elsewhere."
_DUAL_RANK = "The rank it had by `score`, where it was reranked; null elsewhere."


class Answered(BaseModel):
    """Shapes are complete: nothing is answered that is not described."""

    model_config = ConfigDict(extra="forbid")


class ProblemDetails(Answered):
    """A refusal: problem details of RFC 9457."""

    type: str = Field(description="`urn:mmsearch:` and the class of the error, or about:blank.")
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    instance: str = Field(description="The path that was asked for.")
    errors: list[FieldError] | None = Field(None, description="What does not fit, field by field.")


class FieldError(Answered):
    """One value that does not fit."""

    where: str
    message: str


class Located(Answered):
    """A path of the server."""

    path: str = Field(description="For display; bytes that are no UTF-8 come escaped.")
    path_base64: str | None = Field(
        None, description="The path's very bytes, only where they are no UTF-8."
    )


class Media(Located):
    """A catalogued picture file."""

    media_id: int
    name: str
    width: int = Field(description="Upright, in pixels.")
    height: int
    format: str
    date: Day | None = Field(description="The day it was taken, or else written.")
    size_bytes: int
    online: bool = Field(description="False while its folder is missing.")
    thumbnail: str = Field(description="Where its thumbnail is; `size` may be changed.")
    taken_at: str | None = Field(description="ISO 8601, in the camera's own time.")
    latitude: float | None
    longitude: float | None
    camera: str | None
    digest: str = Field(description="Hexadecimal BLAKE3 of the file's bytes.")
    content_id: int = Field(description="Equal for files of equal bytes.")
    mtime_ns: int


class ImageHit(Media):
    """A picture that was found."""

    rank: int = Field(description="From 1, over all pages.")
    score: float = Field(description="Cosine in [-1, 1].")
    rerank_score: float | None = Field(description=_RERANK_SCORE)
    dual_rank: int | None = Field(description=_DUAL_RANK)


class FoundCaption(Answered):
    """A caption that was found."""

    rank: int
    score: float
    rerank_score: float | None = Field(description=_RERANK_SCORE)
    dual_rank: int | None = Field(description=_DUAL_RANK)
    caption: str
    caption_id: int
    media: Media | None


class SearchEcho(Answered):
    """The question as it was understood."""

    text: str | None
    target: Literal["images", "captions"]
    like: int | None
    upload: str | None
    picture_weight: float
    plus: list[Term]
    minus: list[Term]
    min_score: float | None
    rerank: int | Literal["auto"]
    budget_ms: float | None
    exact: bool
    filters: SearchFilters


class SearchAnswer(Answered):
    """Hits, best first, and what may be said of the search as a whole."""

    query: SearchEcho
    hits: list[ImageHit] | list[FoundCaption]
    k: int
    offset: int
    next_offset: int | None = Field(description="Where the next page begins; null: there is none.")
    n_candidates: int = Field(description="How many passed the filters.")
    matches: bool | None = Field(
        description="False: nothing looks like the question, the hits are merely the closest."
    )
    reranked: int = Field(description="How many of all hits, from the first, were reranked.")
    exact: bool = Field(
        description="False: a large index was searched by lists, which may miss something near."
    )
    generation: int = Field(description="Answers of one generation are of one state of the index.")
    took_ms: float


class Upload(Answered):
    """An uploaded picture, to search with."""

    upload_id: str
    expires_at: datetime


class CaptionText(Answered):
    """A caption of a picture."""

    caption_id: int
    text: str


class ModelInput(Answered):
    """The picture a model wants."""

    height: int
    width: int
    resize_mode: str
    interpolation: str
    fill: list[int]


class SpaceInfo(Answered):
    """A model's embedding space."""

    name: str
    digest: str
    dim: int
    input: ModelInput


class FailureInfo(Located):
    """A file that could not be indexed."""

    reason: str
    failed_at: datetime


class MediaDetails(Media):
    """A catalogued picture with all that belongs to it."""

    captions: list[CaptionText]
    copies: list[Media] = Field(description="Other files of equal bytes.")
    folder: str
    root: str | None
    relative: str = Field(description="The path below its root.")
    spaces: list[SpaceInfo]
    failure: FailureInfo | None = Field(description="Why its newer bytes could not be indexed.")


class PathInfo(Located):
    """What is known at a path."""

    root: str | None
    media: MediaDetails | None
    failure: FailureInfo | None
