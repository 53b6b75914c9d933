"""How paths, digests' paths and embeddings become SQLite values."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmsearch.errors import CatalogueError
from mmsearch.types import Embeddings


def path_bytes(path: Path) -> bytes:
    """An absolute path as the catalogue keeps it: bytes, `/` between its parts."""
    if not path.is_absolute():
        raise CatalogueError(f"path {path} is relative: give an absolute one")
    return os.fsencode(path.as_posix())


def path_below(root: bytes, relative: bytes) -> Path:
    """The path of a file below a root; `b""` is the root itself."""
    return Path(os.fsdecode(root.rstrip(b"/") + b"/" + relative))  # parsed once, not thrice


def relative_below(root: bytes, path: bytes) -> bytes | None:
    """`path` as seen from `root`, `b""` for the root itself, None when it is elsewhere."""
    if path == root:
        return b""
    folder = root.rstrip(b"/") + b"/"
    return path[len(folder) :] if path.startswith(folder) else None


def folder_range(folder: bytes) -> tuple[bytes, bytes]:
    """Bounds `low <= path < high` of all that lies below a folder; `b""` is everything."""
    if not folder:
        return b"", b"\xff" * 256  # above all: no part of a path is that long
    return folder + b"/", folder + b"0"  # "0" follows "/" in ASCII


def blob_bytes(dim: int) -> int:
    """The size of an embedding as the catalogue keeps it."""
    return 2 * dim


def to_blobs(embeddings: Embeddings, dim: int) -> list[bytes]:
    """Rows of `(n, d)` as float16 blobs, L2-normalised.

    Raises:
        CatalogueError: The shape does not fit the space, or a row has no direction.
    """
    if embeddings.ndim != 2 or embeddings.shape[1] != dim:
        raise CatalogueError(f"embeddings of shape {embeddings.shape} do not fit dimension {dim}")
    norms = np.linalg.norm(embeddings.astype(np.float32), axis=1, keepdims=True)
    if not (np.isfinite(norms).all() and (norms > 0).all()):
        raise CatalogueError("an embedding is zero or not finite: the model is broken")
    rows = (embeddings / norms).astype("<f2")
    return [row.tobytes() for row in rows]


def from_blobs(blobs: list[bytes], dim: int) -> Embeddings:
    """Rows `(n, d)` float32, L2-normalised anew, of float16 blobs."""
    halves: NDArray[np.float16] = np.frombuffer(b"".join(blobs), dtype="<f2")
    rows = halves.reshape(len(blobs), dim).astype(np.float32)
    if len(rows):
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows
