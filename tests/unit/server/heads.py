"""Makes request heads for the checks."""

from __future__ import annotations

from mmsearch.server.head import Head


def head(path: str = "/api/v1/status", method: str = "GET", **headers: str) -> Head:
    """A head with the usual Host; `_` in a header's name stands for `-`."""
    named = {"host": "127.0.0.1:8000", **headers}
    pairs = [
        (name.replace("_", "-").encode(), value.encode("latin-1"))
        for name, value in named.items()
        if value
    ]
    scope = {
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": pairs,
        "client": ("10.0.0.7", 5000),
    }
    return Head.of(scope)
