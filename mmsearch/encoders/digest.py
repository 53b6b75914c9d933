"""The identity of a model's embedding space, computed without torch."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TypeAlias

from blake3 import blake3

from mmsearch.encoders.definition import CONFIG_FILE, TEXT_FILES, WEIGHTS_FILE, read_definition
from mmsearch.encoders.sources import ModelSource
from mmsearch.errors import ModelError
from mmsearch.types import Space

_SETTLED_NS = 2_000_000_000
"""A file that changed less than so long ago may change again without another time of change."""

_Statuses: TypeAlias = tuple[tuple[int, int, int, int], ...]
"""Device, inode, size and time of change of each file."""


def space_of(source: ModelSource) -> Space:
    """The space of `source`: a digest of its weights, preprocessing and tokenizer.

    The digest does not depend on where the directory lies. Weights are hashed once a process, and
    again where a file has changed: BLAKE3 over a memory map takes less than a start-up cache would
    cost in care.

    Raises:
        ModelError: A file of the model cannot be read.
    """
    statuses = _statuses(source)
    newest = max(changed for _, _, _, changed in statuses)
    if time.time_ns() - newest < _SETTLED_NS:
        return _hashed.__wrapped__(source, statuses)
    return _hashed(source, statuses)


def _statuses(source: ModelSource) -> _Statuses:
    """What tells each file of a model from itself after a change; zeros for one that is not there.

    Raises:
        ModelError: One cannot be looked at.
    """
    found = []
    for name in (CONFIG_FILE, WEIGHTS_FILE, *TEXT_FILES):
        try:
            status = (source.directory / name).stat()
        except FileNotFoundError:
            found.append((0, 0, 0, 0))
        except OSError as exc:
            raise _unreadable(source, exc) from exc
        else:
            found.append((status.st_dev, status.st_ino, status.st_size, status.st_ctime_ns))
    return tuple(found)


@lru_cache(maxsize=8)
def _hashed(source: ModelSource, statuses: _Statuses) -> Space:  # noqa: ARG001 - part of the key
    """The space of a model whose files have these statuses."""
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
        raise _unreadable(source, exc) from exc
    return Space(source.name, hasher.hexdigest(), definition.dim, definition.input)


def _add(hasher: blake3, name: str, data: bytes) -> None:
    """Feed one named part, its length first, so that parts cannot run into each other."""
    hasher.update(f"{name}\0{len(data)}\0".encode())
    hasher.update(data)


def _unreadable(source: ModelSource, exc: OSError) -> ModelError:
    return ModelError(
        f"model {source.directory} cannot be read ({exc}): check the files and permissions"
    )
