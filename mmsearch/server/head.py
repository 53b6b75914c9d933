"""The head of a request, read once for all checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from starlette.types import Scope

from mmsearch.server.problems import Problem

API = "/api/v1"

_SINGLE = frozenset(
    name.encode()
    for name in (
        "authorization",
        "content-length",
        "content-type",
        "cookie",
        "host",
        "if-none-match",
        "if-range",
        "origin",
        "range",
        "sec-fetch-site",
        "transfer-encoding",
    )
)


@dataclass(frozen=True, slots=True)
class Head:
    """Method, decoded path, headers by lower-case name (latin-1), the client's address.

    `repeated` are the headers given twice that may come only once.
    """

    method: str
    path: str
    headers: Mapping[bytes, bytes]
    client: str
    size_bytes: int
    repeated: frozenset[bytes]

    @classmethod
    def of(cls, scope: Scope) -> Head:
        """The head of an ASGI request."""
        pairs: list[tuple[bytes, bytes]] = scope["headers"]
        headers = dict(pairs)
        repeated: frozenset[bytes] = frozenset()
        if len(headers) != len(pairs):
            names = [name for name, _ in pairs]
            repeated = frozenset(name for name in _SINGLE if names.count(name) > 1)
        size = sum(len(name) + len(value) for name, value in pairs)
        target = len(scope["raw_path"]) + len(scope["query_string"])
        client = scope["client"]
        return cls(
            method=scope["method"],
            path=scope["path"],
            headers=headers,
            client="" if client is None else client[0],
            size_bytes=size + target,
            repeated=repeated,
        )

    def text(self, name: bytes) -> str | None:
        """A header's value, None where it is not given."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def cookie(self, name: str) -> str | None:
        """A cookie's value, None where it is not given."""
        for part in (self.text(b"cookie") or "").split(";"):
            key, _, value = part.strip().partition("=")
            if key == name:
                return value
        return None

    @property
    def has_body(self) -> bool:
        """Whether the client announces a body."""
        length = self.headers.get(b"content-length", b"0")
        return length.strip(b"0") != b"" or b"transfer-encoding" in self.headers

    @property
    def changes_state(self) -> bool:
        """Whether the method may change something."""
        return self.method not in ("GET", "HEAD", "OPTIONS")


Check: TypeAlias = Callable[[Head], Problem | None]
"""A question asked of each request before it is let in: None = nothing against it."""
