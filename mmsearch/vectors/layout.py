"""Where what lies in a vector file, and the checksum of all of it but the codes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from blake3 import blake3

from mmsearch.errors import VectorIndexError
from mmsearch.vectors.blocks import DIGEST_BYTES, rows_in_block
from mmsearch.vectors.manifest import Manifest

_READ_BYTES = 1 << 22


@dataclass(frozen=True, slots=True)
class Layout:
    """Places in bytes: a head, codes, FAISS's ids, lists or removed ids, digests of the blocks."""

    codes: slice
    extra: slice
    digests: slice

    @classmethod
    def of(cls, count: int, code_size: int, rows_bytes: int, data_bytes: int) -> Layout:
        """The layout of a file whose FAISS rows end at `rows_bytes`, and all data at `data_bytes`.

        Raises:
            VectorIndexError: So many rows do not fit.
        """
        end = rows_bytes - 8 - 8 * count  # ids of 8 bytes each, after their number
        n_blocks = -(-count // rows_in_block(code_size))
        table = data_bytes - n_blocks * DIGEST_BYTES
        start = end - count * code_size
        if start < 0 or table < rows_bytes:
            raise VectorIndexError("its manifest contradicts itself")
        return cls(slice(start, end), slice(rows_bytes, table), slice(table, data_bytes))

    def digest(self, file: BinaryIO) -> str:
        """BLAKE3 over all data but the codes, which the digests of their blocks stand for."""
        hasher = blake3()
        for part in (slice(0, self.codes.start), slice(self.codes.stop, self.digests.stop)):
            for chunk in _chunks(file, part):
                hasher.update(chunk)
        return hasher.hexdigest()


def layout_of(manifest: Manifest, code_size: int) -> Layout:
    """The layout of the file that a manifest is of.

    Raises:
        VectorIndexError: The manifest contradicts itself.
    """
    return Layout.of(manifest.count, code_size, manifest.rows_bytes, manifest.data_bytes)


def _chunks(file: BinaryIO, part: slice) -> Iterator[bytes]:
    file.seek(part.start)
    for at in range(part.start, part.stop, _READ_BYTES):
        yield file.read(min(_READ_BYTES, part.stop - at))
