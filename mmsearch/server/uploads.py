"""Pictures that clients send to search with: embedded once, never kept."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from fastapi import Request, Response

from mmsearch.server.problems import Problem, Refused
from mmsearch.server.shapes import json_response

if TYPE_CHECKING:
    from mmsearch.engine.request import PreparedPicture
    from mmsearch.server.services import Services

LIFETIME_S = 3600
MAX_UPLOADS = 256
MAX_COMING = 16
"""Uploads that are received at the same time."""

_GENERIC_TYPES = frozenset(("", "application/octet-stream"))


class UploadStore:
    """The embeddings of uploaded pictures, by an id that cannot be guessed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[float, PreparedPicture]] = OrderedDict()

    def keep(self, picture: PreparedPicture) -> str:
        """The id to ask with; the oldest of too many is dropped."""
        upload_id = secrets.token_urlsafe(16)
        with self._lock:
            self._kept[upload_id] = (self._clock() + LIFETIME_S, picture)
            if len(self._kept) > MAX_UPLOADS:
                self._kept.popitem(last=False)
        return upload_id

    def get(self, upload_id: str) -> PreparedPicture:
        """The picture of an id; using it keeps it from being dropped, not from expiring.

        Raises:
            Refused: There is none, or it has expired.
        """
        with self._lock:
            ends, picture = self._kept.get(upload_id, (0.0, None))
            if picture is not None and ends > self._clock():
                self._kept.move_to_end(upload_id)
                return picture
            self._kept.pop(upload_id, None)
        detail = "this upload is unknown or has expired: send the picture again"
        raise Refused(Problem(404, detail, "QueryError"))


class UploadRoutes:
    """`POST /uploads`."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._n_coming = 0

    async def post(self, request: Request) -> Response:
        """Send a picture to search with.

        The body is the picture's bytes. The picture is embedded and forgotten; the id that comes
        back stands for it in searches, for an hour.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in _GENERIC_TYPES and not kind.startswith("image/"):
            detail = "send the picture's bytes as image/* or application/octet-stream"
            raise Refused(Problem(415, detail, headers={"Accept": "image/*"}))
        services = self._services
        picture = await services.threads.file(
            services.library.prepare_picture, await self._body(request)
        )
        expires_at = datetime.now(UTC) + timedelta(seconds=LIFETIME_S)
        answer = {
            "upload_id": services.uploads.keep(picture),
            "expires_at": expires_at.isoformat(timespec="seconds"),
        }
        return json_response(answer, 201)

    async def _body(self, request: Request) -> bytes:
        """The picture's bytes; only so many are held in memory at once."""
        if self._n_coming >= MAX_COMING:
            raise Refused(Problem(503, "too many uploads at once", headers={"Retry-After": "1"}))
        self._n_coming += 1
        try:
            return await request.body()
        finally:
            self._n_coming -= 1
