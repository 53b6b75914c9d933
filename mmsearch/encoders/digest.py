"""The identity of a model's embedding space, computed without torch."""

from __future__ import annotations

from blake3 import blake3

from mmsearch.encoders.definition import TEXT_FILES, read_definition
from mmsearch.encoders.sources import ModelSource
from mmsearch.errors import ModelError
from mmsearch.types import Space


def space_of(source: ModelSource) -> Space:
    """The space of `source`: a digest of its weights, preprocessing and tokenizer.

    The digest does not depend on where the directory lies. Weights are hashed each time: BLAKE3
    over a memory map takes less than a start-up cache would cost in care.

    Raises:
        ModelError: A file of the model cannot be read.
    """
    definition = read_definition(source.directory)
    hasher = blake3(max_threads=blake3.AUTO)
    try:
        _add(hasher, "definition", definition.canonical.encode())
        for name in TEXT_FILES:
            path = source.directory / name
            if path.is_file():
                _add(hasher, name, path.read_bytes())
        hasher.update(b"weights\0")
        hasher.update_mmap(source.weights)
    except OSError as exc:
        raise ModelError(
            f"model {source.directory} cannot be read ({exc}): check the files and permissions"
        ) from exc
    return Space(source.name, hasher.hexdigest(), definition.dim, definition.input)


def _add(hasher: blake3, name: str, data: bytes) -> None:
    """Feed one named part, its length first, so that parts cannot run into each other."""
    hasher.update(f"{name}\0{len(data)}\0".encode())
    hasher.update(data)
