"""BLAKE3 digests: the name of a file's bytes, wherever the file lies."""

from __future__ import annotations

from pathlib import Path

from blake3 import blake3

from mmsearch.errors import MediaError

CHUNK_BYTES = 1 << 20


def digest_bytes(data: bytes) -> str:
    """Hexadecimal BLAKE3 of `data`, 64 digits."""
    return blake3(data).hexdigest()


def digest_file(path: Path) -> str:
    """Hexadecimal BLAKE3 of the file's bytes, 64 digits; memory use does not grow with the file.

    Raises:
        MediaError: The file cannot be read.
    """
    hasher = blake3()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                hasher.update(chunk)
    except OSError as exc:
        raise MediaError(f"cannot be read: {(exc.strerror or str(exc)).lower()}") from exc
    return hasher.hexdigest()
