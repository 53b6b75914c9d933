"""A picture's own bytes: whole, or one range of them, read as they are sent."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.responses import Response

from mmsearch.errors import MediaError, reason_of
from mmsearch.server.problems import Problem, Refused

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from mmsearch.server.threads import Threads

CONTENT_TYPES: Mapping[str, str] = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
    "HEIF": "image/heif",
    "JPEG2000": "image/jp2",
    "TGA": "image/x-tga",
}
"""By the format that the decoder found; nothing that a browser would run is among them."""
OTHER_TYPE = "application/octet-stream"

_CHUNK_BYTES = 262_144
_ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@dataclass(frozen=True, slots=True)
class Original:
    """An open file to send; whoever has it closes `handle`."""

    handle: int
    size_bytes: int
    etag: str


def open_original(path: Path) -> Original:
    """The file at a path that was checked; a link put in its place since is not followed.

    Raises:
        MediaError: It cannot be opened, or is no plain file.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        handle = os.open(path, flags | getattr(os, "O_BINARY", 0))
    except OSError as exc:
        raise MediaError(f"cannot be read: {reason_of(exc)}") from exc
    info = os.fstat(handle)
    if not stat.S_ISREG(info.st_mode):
        os.close(handle)
        raise MediaError("no plain file")
    return Original(handle, info.st_size, f'"{info.st_mtime_ns:x}-{info.st_size:x}"')


def range_of(header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """The bytes `[start, end)` that a Range header asks for; None = send all.

    What is not one plain range is answered with the whole file, as RFC 9110 allows: many small
    ranges are a way to make a server work.

    Raises:
        Refused: It lies beyond the end (416).
    """
    found = _ONE_RANGE.fullmatch(header or "")
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        start, end = max(0, size_bytes - int(last)), size_bytes
    else:
        start = int(first)
        end = min(size_bytes, int(last) + 1) if last else size_bytes
        if last and int(last) < start:
            return None
    if start >= end:
        headers = {"Content-Range": f"bytes */{size_bytes}"}
        raise Refused(Problem(416, f"the file has {size_bytes:,} bytes", headers=headers))
    return start, end


def disposition(name: str, *, download: bool) -> str:
    """A Content-Disposition that any file name is safe in."""
    kind = "attachment" if download else "inline"
    return f"{kind}; filename*=UTF-8''{quote(os.fsencode(name), safe='')}"


class OriginalResponse(Response):
    """Sends `[start, end)` of an open file, and closes it."""

    def __init__(
        self,
        original: Original,
        threads: Threads,
        headers: Mapping[str, str],
        part: tuple[int, int] | None,
    ) -> None:
        self._original = original
        self._threads = threads
        self._start, self._end = part or (0, original.size_bytes)
        lengths = {"Content-Length": str(self._end - self._start), "Accept-Ranges": "bytes"}
        if part is not None:
            lengths["Content-Range"] = f"bytes {self._start}-{self._end - 1}/{original.size_bytes}"
        super().__init__(None, 206 if part else 200, {**headers, **lengths})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send the head, then the bytes, a chunk at a time."""
        try:
            start = {"type": "http.response.start", "status": self.status_code}
            await send({**start, "headers": self.raw_headers})
            at = self._start
            while at < self._end:
                size = min(_CHUNK_BYTES, self._end - at)
                chunk = await self._threads.file(_read, self._original.handle, size, at)
                if not chunk:
                    raise ConnectionAbortedError("a file became shorter while it was sent")
                at += len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            os.close(self._original.handle)


def _read(handle: int, size: int, at: int) -> bytes:
    """Bytes of a file from a place on; `os.pread` is not to be had everywhere."""
    os.lseek(handle, at, os.SEEK_SET)
    return os.read(handle, size)
