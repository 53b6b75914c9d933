"""`/media`: what is known of a picture, its thumbnails, its own bytes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import Path as InPath
from fastapi import Query, Request, Response
from starlette.datastructures import Headers

from mmsearch.errors import MediaError, QueryError
from mmsearch.server.originals import (
    CONTENT_TYPES,
    OTHER_TYPE,
    Original,
    OriginalResponse,
    disposition,
    open_original,
    range_of,
)
from mmsearch.server.problems import Problem, Refused, gone
from mmsearch.server.questions import MediaId
from mmsearch.server.shapes import info_json, json_response

if TYPE_CHECKING:
    from mmsearch.engine.records import MediaInfo
    from mmsearch.server.services import Services
    from mmsearch.types import MediaRecord

Id = Annotated[MediaId, InPath()]
ThumbnailSize = Annotated[
    Literal["160", "320", "640", "1280"],
    Query(description="The longer side at most, in pixels; never enlarged."),
]
Version = Annotated[
    str | None,
    Query(
        pattern=r"^[0-9a-f]{8}$",
        description="The start of the picture's digest: with it the answer never changes.",
    ),
]
Download = Annotated[Literal["0", "1"], Query(description="1: to be saved, not shown.")]

_NOT_THERE = "the picture is not there now, or not below an indexed folder: index it again"
_FOREVER = "private, max-age=31536000, immutable"
_ASK_AGAIN = "private, no-cache"


class MediaRoutes:
    """The routes below `/media/{media_id}`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._library = services.library

    async def get(self, media_id: Id) -> Response:
        """Show what is known of a picture: metadata, captions, copies."""
        info, media = await self._services.threads.file(self._known, media_id)
        return json_response(info_json(info, media))

    async def thumbnail(
        self,
        request: Request,
        media_id: Id,
        size: ThumbnailSize = "320",
        v: Version = None,
    ) -> Response:
        """Get a small upright JPEG of a picture."""
        made = await self._services.threads.file(self._thumbnail, media_id, int(size))
        fresh = v is not None and made.digest.startswith(v)
        headers = {
            "ETag": f'"{made.digest[:32]}-{size}"',
            "Cache-Control": _FOREVER if fresh else _ASK_AGAIN,
        }
        if _has(request.headers, headers["ETag"]):
            return Response(None, 304, headers)
        return Response(made.jpeg, 200, headers, media_type="image/jpeg")

    async def original(self, request: Request, media_id: Id, download: Download = "0") -> Response:
        """Get a picture's own bytes, or a range of them."""
        wish = _Wish(request.headers, as_file=download == "1")
        return await self._services.threads.file(self._original, media_id, wish)

    def _known(self, media_id: int) -> tuple[MediaInfo, MediaRecord]:
        """What is known of an id that the catalogue holds."""
        try:
            info = self._library.media(media_id)
        except QueryError as exc:
            raise gone(exc) from exc
        if info.media is None:
            raise Refused(Problem(404, "no picture has this id", "QueryError"))
        return info, info.media

    def _thumbnail(self, media_id: int, size: int) -> _Thumbnail:
        """The thumbnail, from the cache or made; kept only while it is of the bytes indexed."""
        _, media = self._known(media_id)
        cache = self._services.thumbnails
        jpeg = cache.get(media.digest, size)
        if jpeg is None:
            try:
                path = self._library.original(media_id)
                jpeg = self._library.thumbnail(media_id, size)
            except MediaError as exc:
                raise gone(MediaError(_NOT_THERE)) from exc
            info = path.stat()
            if (info.st_size, info.st_mtime_ns) == (media.size_bytes, media.mtime_ns):
                cache.put(media.digest, size, jpeg)
        return _Thumbnail(jpeg, media.digest)

    def _original(self, media_id: int, wish: _Wish) -> Response:
        """The response that sends the file, or says that it has not changed."""
        _, media = self._known(media_id)
        try:
            original = open_original(self._library.original(media_id))
        except MediaError as exc:  # its own words may tell where a link leads
            raise gone(MediaError(_NOT_THERE)) from exc
        try:
            return self._answer(media, original, wish)
        except Refused:
            os.close(original.handle)
            raise

    def _answer(self, media: MediaRecord, original: Original, wish: _Wish) -> Response:
        kind = CONTENT_TYPES.get(media.metadata.format, OTHER_TYPE)
        as_file = wish.as_file or kind == OTHER_TYPE
        headers = {
            "ETag": original.etag,
            "Cache-Control": _ASK_AGAIN,
            "Content-Type": kind,
            "Content-Disposition": disposition(media.path.name, download=as_file),
        }
        if _has(wish.headers, original.etag):
            os.close(original.handle)
            return Response(None, 304, headers)
        part = None
        if wish.headers.get("if-range", original.etag) == original.etag:
            part = range_of(wish.headers.get("range"), original.size_bytes)
        return OriginalResponse(original, self._services.threads, headers, part)


@dataclass(frozen=True, slots=True)
class _Thumbnail:
    """A JPEG with the digest of the picture it shows."""

    jpeg: bytes
    digest: str


@dataclass(frozen=True, slots=True)
class _Wish:
    """How a client wants a file: request headers, and whether to save it."""

    headers: Headers
    as_file: bool


def _has(headers: Headers, etag: str) -> bool:
    """Whether the client says that it has the newest bytes."""
    known = headers.get("if-none-match", "")
    return known == "*" or etag in (part.strip().removeprefix("W/") for part in known.split(","))
