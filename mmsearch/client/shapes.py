"""A server's answers, and the records that they stand for; what is new in them is passed over."""

from __future__ import annotations

import base64
import os
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel

from mmsearch.engine.records import MediaInfo
from mmsearch.types import (
    CaptionHit,
    CaptionRecord,
    Failure,
    Hit,
    InputSpec,
    MediaMetadata,
    MediaRecord,
    ResizeMode,
    Space,
)


class Located(BaseModel):
    """A path of the server; `path_base64` has its bytes where they are no text."""

    path: str
    path_base64: str | None = None

    def place(self) -> Path:
        """The path, byte for byte."""
        if self.path_base64 is None:
            return Path(self.path)
        return Path(os.fsdecode(base64.b64decode(self.path_base64)))


class Media(Located):
    """A catalogued file."""

    media_id: int
    content_id: int
    size_bytes: int
    mtime_ns: int
    digest: str
    online: bool
    width: int
    height: int
    format: str
    taken_at: datetime | None
    latitude: float | None
    longitude: float | None
    camera: str | None

    def record(self) -> MediaRecord:
        """The record."""
        metadata = MediaMetadata(
            width=self.width,
            height=self.height,
            format=self.format,
            taken_at=self.taken_at,
            latitude=self.latitude,
            longitude=self.longitude,
            camera=self.camera,
        )
        return MediaRecord(
            media_id=self.media_id,
            content_id=self.content_id,
            path=self.place(),
            size_bytes=self.size_bytes,
            mtime_ns=self.mtime_ns,
            digest=self.digest,
            metadata=metadata,
            online=self.online,
        )


class _Place(BaseModel):
    """Where a hit stands, and why."""

    rank: int
    score: float
    rerank_score: float | None
    dual_rank: int | None


class ImageHit(_Place, Media):
    """A picture found."""

    def hit(self) -> Hit:
        """The record."""
        return Hit(self.rank, self.score, self.record(), self.rerank_score, self.dual_rank)


class FoundCaption(_Place):
    """A caption found."""

    caption: str
    caption_id: int
    media: Media | None

    def hit(self) -> CaptionHit:
        """The record."""
        media = None if self.media is None else self.media.record()
        caption = CaptionRecord(self.caption_id, self.caption, media)
        return CaptionHit(self.rank, self.score, caption, self.rerank_score, self.dual_rank)


class _Page(BaseModel):
    """What every page of an answer says."""

    next_offset: int | None
    n_candidates: int
    matches: bool | None
    reranked: int
    exact: bool = True
    generation: int


class ImagePage(_Page):
    """One page of pictures."""

    hits: list[ImageHit]


class CaptionPage(_Page):
    """One page of captions."""

    hits: list[FoundCaption]


class UploadAnswer(BaseModel):
    """An uploaded picture."""

    upload_id: str


class ModelInput(BaseModel):
    """The picture a model wants."""

    height: int
    width: int
    resize_mode: ResizeMode
    interpolation: str
    fill: tuple[int, int, int]


class SpaceShape(BaseModel):
    """A model's space."""

    name: str
    digest: str
    dim: int
    input: ModelInput

    def space(self) -> Space:
        """The record."""
        spec = InputSpec(**dict(self.input))
        return Space(name=self.name, digest=self.digest, dim=self.dim, input=spec)


class FailureShape(Located):
    """A file that failed."""

    reason: str
    failed_at: datetime

    def failure(self) -> Failure:
        """The record."""
        return Failure(self.place(), self.reason, self.failed_at)


class Failures(BaseModel):
    """Files that failed."""

    failures: list[FailureShape]


class CaptionText(BaseModel):
    """A caption of a picture."""

    caption_id: int
    text: str


class MediaDetails(Media):
    """A catalogued file with all that belongs to it."""

    root: str | None
    captions: list[CaptionText]
    copies: list[Media]
    spaces: list[SpaceShape]
    failure: FailureShape | None

    def info(self) -> MediaInfo:
        """The record."""
        media = self.record()
        return MediaInfo(
            path=media.path,
            media=media,
            failure=None if self.failure is None else self.failure.failure(),
            root=None if self.root is None else Path(self.root),
            captions=tuple(CaptionRecord(one.caption_id, one.text, media) for one in self.captions),
            copies=tuple(copy.record() for copy in self.copies),
            spaces=tuple(space.space() for space in self.spaces),
        )


class PathInfo(Located):
    """What is known at a path."""

    root: str | None
    media: MediaDetails | None
    failure: FailureShape | None

    def info(self) -> MediaInfo:
        """The record."""
        if self.media is not None:
            return self.media.info()
        failure = None if self.failure is None else self.failure.failure()
        return MediaInfo(
            self.place(), None, failure, None if self.root is None else Path(self.root)
        )
