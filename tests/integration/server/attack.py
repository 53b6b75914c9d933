"""What a hostile request is, and how one is written, byte for byte."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import dataclass

TOKEN = "correct-horse-battery"  # noqa: S105 - of a test
MAX_UPLOAD_BYTES = 100_000
MAX_MEGAPIXELS = 1


@dataclass(frozen=True, slots=True)
class Attack:
    """`request` is what goes over the wire; `{photos}` and `{port}` are filled in.

    `guarded` sends it to the server that has a token.
    """

    why: str
    request: bytes
    statuses: tuple[int, ...]
    guarded: bool = False


def ask(method: str, target: str, headers: str = "", body: bytes = b"") -> bytes:
    """A well-formed request around something that is not."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    head = f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{{port}}\r\n{length}{headers}"
    return (head + "Connection: close\r\n\r\n").encode("latin-1") + body


def get(target: str, headers: str = "") -> bytes:
    """A GET."""
    return ask("GET", target, headers)


def post(target: str, value: object, headers: str = "") -> bytes:
    """A POST of JSON."""
    return post_bytes(target, json.dumps(value).encode(), "application/json", headers)


def post_bytes(target: str, body: bytes, kind: str, headers: str = "") -> bytes:
    """A POST of bytes."""
    return ask("POST", target, f"Content-Type: {kind}\r\n{headers}", body)


def upload(body: bytes, kind: str = "image/png", headers: str = "") -> bytes:
    """An upload."""
    return post_bytes("/api/v1/uploads", body, kind, headers)


def wire(*lines: str, body: bytes = b"") -> bytes:
    """Lines exactly as they are."""
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1") + body


def png(width: int, height: int, *, rows: int) -> bytes:
    """A PNG that promises `height` rows and has `rows`, all black."""

    def chunk(name: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + crc

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0" * ((width + 7) // 8 + 1) * rows, 9)
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


HOST = "Host: 127.0.0.1:{port}"
CLOSE = "Connection: close"
SEARCH = "/api/v1/search"
UPLOADS = "/api/v1/uploads"
STATUS = "/api/v1/status"
BEARER = f"Authorization: Bearer {TOKEN}"
DEEP = b'{"plus":' + b"[" * 30_000 + b"]" * 30_000 + b"}"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
MANY_RANGES = ",".join(f"{n}-{n}" for n in range(2000))
CHUNKED = (b"%x\r\n" % 60_000 + b"x" * 60_000 + b"\r\n") * 3 + b"0\r\n\r\n"
