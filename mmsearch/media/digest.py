"""BLAKE3 digests: the name of a file's bytes, wherever the file lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from mmsearch.errors import MediaError
from mmsearch.media.reading import CHANGED, Stamp, open_at_rest

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FileDigest:
    """Hexadecimal BLAKE3 of a file, 64 digits, and the stamp that its bytes go with."""

    digest: str
    stamp: Stamp


def digest_bytes(data: bytes) -> str:
    """Hexadecimal BLAKE3 of `data`, 64 digits."""
    return blake3(data).hexdigest()


def digest_file(path: Path) -> str:
    """Hexadecimal BLAKE3 of the file's bytes, 64 digits; memory use does not grow with the file.

    Raises:
        MediaError: The file cannot be read, or changed meanwhile.
    """
    return digest_with_stamp(path).digest


def digest_with_stamp(path: Path) -> FileDigest:
    """The file's digest, with the size and time it had both before and after reading.

    Raises:
        MediaError: As `digest_file`.
    """
    hasher = blake3()
    with open_at_rest(path) as opened:
        while chunk := opened.file.read(CHUNK_BYTES):
            hasher.update(chunk)
        if opened.has_changed():
            raise MediaError(CHANGED)
    return FileDigest(hasher.hexdigest(), opened.stamp)
