"""Made-up files, spaces and embeddings for tests of the catalogue and the vector indexes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from mmsearch.catalogue import FileEntry
from mmsearch.types import Embeddings, InputSpec, MediaMetadata, Space

DIM = 16
METADATA = MediaMetadata(width=640, height=480, format="JPEG")


def make_space(name: str = "alpha", dim: int = DIM) -> Space:
    """A space that depends on its name only."""
    return Space(name, blake3(name.encode()).hexdigest(), dim, InputSpec(16, 16))


def digest_of(content: str) -> str:
    """The digest of a file whose bytes are `content`."""
    return blake3(content.encode()).hexdigest()


def embedding_of(content: str, dim: int = DIM) -> NDArray[np.float32]:
    """An embedding `(d,)`, L2-normalised, that depends on the content only."""
    seed = int.from_bytes(blake3(content.encode()).digest()[:4], "little")
    row = np.random.default_rng(seed).standard_normal(dim).astype(np.float32)
    return row / np.linalg.norm(row)


def embeddings_of(contents: list[str], dim: int = DIM) -> Embeddings:
    """Embeddings `(n, d)` of several contents."""
    return np.stack([embedding_of(content, dim) for content in contents])


def new_file(relative: str, content: str, *, moved_from: int | None = None) -> FileEntry:
    """A file that was read: its bytes decide everything but its place."""
    return FileEntry(
        relative=relative.encode(),
        size_bytes=len(content),
        mtime_ns=1_000_000,
        digest=digest_of(content),
        metadata=METADATA,
        embedding=embedding_of(content),
        moved_from=moved_from,
    )


def dated_file(
    relative: str, content: str, metadata: MediaMetadata, mtime_ns: int = 1_000_000
) -> FileEntry:
    """A file that was read, with what its picture says of itself."""
    return replace(new_file(relative, content), metadata=metadata, mtime_ns=mtime_ns)


def known_file(relative: str, content: str, *, moved_from: int | None = None) -> FileEntry:
    """A file of which only the digest was taken, as its bytes are known."""
    return FileEntry(
        relative.encode(), len(content), 2_000_000, digest_of(content), moved_from=moved_from
    )


_COPIED = [
    "roots",
    "contents",
    "media",
    "captions",
    "spaces",
    "region_projections",
    "tombstones",
    "failures",
    "meta",
]
_CHECKED = ("image_embeddings", "caption_embeddings", "region_features")


def as_older_schema(version: int) -> str:
    """SQL that makes a catalogue what schema 1 or 2 wrote, less what these did not know."""
    lines = [f"DROP INDEX ix_{table}_copy" for table in _COPIED]
    lines += [f"ALTER TABLE {table} DROP COLUMN checksum" for table in _CHECKED]
    lines += ["ALTER TABLE meta DROP COLUMN previous_space_id"]
    lines += ["ALTER TABLE spaces DROP COLUMN since"]
    if version == 1:
        lines += ["DROP TABLE region_features", "DROP TABLE region_projections"]
    lines += [f"UPDATE alembic_version SET version_num = '000{version}'"]  # noqa: S608 - a number
    return "; ".join([*lines, f"PRAGMA user_version = {version}"])
