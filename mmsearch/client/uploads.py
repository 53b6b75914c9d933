"""Pictures of this machine, sent to a server to ask with: each once while the server keeps it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from blake3 import blake3

from mmsearch.client import shapes
from mmsearch.client.wire import Upload, Wire
from mmsearch.errors import MediaError, QueryError, reason_of

if TYPE_CHECKING:
    from mmsearch.engine.request import PreparedPicture

AnswerT = TypeVar("AnswerT")

_MAX_KEPT = 64
_GONE = "this upload is unknown or has expired"


class Uploads:
    """The upload ids of pictures, by the digest of their bytes; for many threads."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._lock = threading.Lock()
        self._ids: OrderedDict[str, str] = OrderedDict()

    def ask_with(
        self,
        image: Path | PreparedPicture | None,
        body: Mapping[str, object],
        ask: Callable[[Mapping[str, object]], AnswerT],
    ) -> AnswerT:
        """The answer to `body` with a picture; one that the server has dropped is sent again.

        Raises:
            QueryError: The picture cannot be used.
        """
        if image is None:
            return ask(body)
        if not isinstance(image, Path):
            raise QueryError("a prepared picture belongs to its own library: give the file")
        data = _read(image)
        digest = blake3(data).hexdigest()
        upload_id = self._known(digest)
        if upload_id is not None:
            try:
                return ask({**body, "upload": upload_id})
            except QueryError as exc:
                if not str(exc).startswith(_GONE):
                    raise
        return ask({**body, "upload": self._send(image, digest, data)})

    def _known(self, digest: str) -> str | None:
        with self._lock:
            return self._ids.get(digest)

    def _send(self, image: Path, digest: str, data: bytes) -> str:
        """The id of a picture that is sent now."""
        try:
            answer = self._wire.post("/uploads", Upload(data), shapes.UploadAnswer)
        except MediaError as exc:
            raise QueryError(f"the query picture {image} cannot be used: {exc}") from exc
        with self._lock:
            self._ids[digest] = answer.upload_id
            if len(self._ids) > _MAX_KEPT:
                self._ids.popitem(last=False)
        return answer.upload_id


def _read(image: Path) -> bytes:
    if not image.is_file():
        raise QueryError(f"there is no query picture at {image}: check the path")
    try:
        return image.read_bytes()
    except OSError as exc:
        why = reason_of(exc)
        raise QueryError(
            f"the query picture {image} cannot be used: cannot be read: {why}"
        ) from exc
