"""The identity of a model's embedding space, computed without torch."""

from __future__ import annotations

from pathlib import Path

from blake3 import blake3

from mmsearch.encoders.definition import CONFIG_FILE, TEXT_FILES, read_definition
from mmsearch.encoders.sources import ModelSource
from mmsearch.errors import ModelError
from mmsearch.runtime.known_digest import known_digest
from mmsearch.types import Space


def space_of(source: ModelSource, cache_dir: Path | None = None) -> Space:
    """The space of `source`: a digest of its weights, preprocessing and tokenizer.

    The digest does not depend on where the directory lies. With a cache, files that have not
    changed since are not hashed again.

    Raises:
        ModelError: A file of the model cannot be read.
    """
    definition = read_definition(source.directory)
    files = [source.directory / name for name in (CONFIG_FILE, *TEXT_FILES)]
    try:
        if cache_dir is None:
            digest = _digest(source, definition.canonical)
        else:
            files.append(source.weights)
            place = blake3("\0".join(map(str, files)).encode()).hexdigest()[:32]
            note = cache_dir / "digests" / f"{place}.json"
            digest = known_digest(files, note, lambda: _digest(source, definition.canonical))
    except OSError as exc:
        raise ModelError(
            f"model {source.directory} cannot be read ({exc}): check the files and permissions"
        ) from exc
    return Space(source.name, digest, definition.dim, definition.input)


def _digest(source: ModelSource, canonical: str) -> str:
    """BLAKE3 of all that a model's embeddings depend on.

    Raises:
        OSError: A file cannot be read.
    """
    hasher = blake3(max_threads=blake3.AUTO)
    _add(hasher, "definition", canonical.encode())
    for name in TEXT_FILES:
        path = source.directory / name
        if path.is_file():
            _add(hasher, name, path.read_bytes())
    hasher.update(b"weights\0")
    hasher.update_mmap(source.weights)
    return hasher.hexdigest()


def _add(hasher: blake3, name: str, data: bytes) -> None:
    """Feed one named part, its length first, so that parts cannot run into each other."""
    hasher.update(f"{name}\0{len(data)}\0".encode())
    hasher.update(data)
