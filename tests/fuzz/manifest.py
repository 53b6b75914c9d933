"""A vector file; the first byte tells which part of a sound one is replaced by the rest."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
from blake3 import blake3

from mmsearch.errors import VectorIndexError
from mmsearch.vectors import FaissIndex
from mmsearch.vectors.file_scan import FileScan
from mmsearch.vectors.manifest import (
    MAGIC,
    TRAILER_BYTES,
    covered_generation,
    fingerprint,
    read_manifest,
)
from tests.fuzz.places import folder
from tests.vector_sources import ListSource, unit_rows

WORDS = (
    *(
        b'"version"',
        b'"recipe"',
        b'"dim"',
        b'"count"',
        b'"generation"',
        b'"data_bytes"',
        b'"digest"',
    ),
    *(b"null", b"1e5", b"true", b"-1", b"[[[[[[[[", b"IxMp", b"IxSQ", b"IxFI", b"IHNf", MAGIC),
    *(b"\0\0\0\0\x02\0\0\0", b"\xff" * 8),
)
_DIM, _COUNT = 8, 6


def check(data: bytes) -> None:
    """The file gives the rows that were saved, or our own error, before FAISS sees a bad byte."""
    kind, rest = (data[0] % 3 if data else 0), data[1:]
    path = folder("manifest") / "x.faiss"
    path.unlink(missing_ok=True)  # a former one may still be mapped
    path.write_bytes((lambda whole: whole, with_data, with_manifest)[kind](rest))
    generation = covered_generation(path)
    assert generation is None or (type(generation) is int and generation >= 0)
    scan = FileScan.open(path, source())
    if scan is not None:
        queries = unit_rows(2, _DIM, 7)
        found, expected = (one.search(queries, _COUNT + 1) for one in (scan, sound_index()))
        assert np.array_equal(found.ids, expected.ids)
    try:
        index = FaissIndex.read(path, _DIM)
    except VectorIndexError as exc:
        assert str(path) in str(exc)
        return
    assert index is not None
    rows, truth = index.rows(), sound_index().rows()
    assert np.array_equal(rows.ids, truth.ids)
    assert np.array_equal(rows.codes(), truth.codes())


def seeds() -> list[bytes]:
    """A sound file, and both of its parts."""
    data, text = parts()
    return [b"\0" + sound_file().read_bytes(), b"\1" + data, b"\2" + text]


@functools.cache
def sound_file() -> Path:
    """A vector file as it is saved."""
    path = folder("manifest") / "sound.faiss"
    index = FaissIndex.open(path, _DIM)
    index.catch_up(source())
    index.save()
    return path


def source() -> ListSource:
    """The few embeddings that it holds."""
    made = ListSource(_DIM)
    made.put(list(range(1, _COUNT + 1)), unit_rows(_COUNT, _DIM))
    return made


@functools.cache
def sound_index() -> FaissIndex:
    """What the file holds."""
    index = FaissIndex.read(sound_file(), _DIM)
    assert index is not None
    return index


@functools.cache
def parts() -> tuple[bytes, bytes]:
    """FAISS's data of the sound file, and its manifest's JSON."""
    whole = sound_file().read_bytes()
    manifest = read_manifest(sound_file())
    assert manifest is not None
    return whole[: manifest.data_bytes], whole[manifest.data_bytes : -TRAILER_BYTES]


def with_data(data: bytes) -> bytes:
    """A file of other data whose manifest is right in all that can be told without reading it."""
    path = folder("manifest") / "data"
    path.write_bytes(data)
    with path.open("rb") as file:
        sample = fingerprint(file, len(data))
    values = {**json.loads(parts()[1]), "data_bytes": len(data), "fingerprint": sample}
    return _sealed(data, json.dumps(values).encode())


def with_manifest(text: bytes) -> bytes:
    """A file of sound data with another manifest, whose own checksum is right."""
    return _sealed(parts()[0], text)


def _sealed(data: bytes, text: bytes) -> bytes:
    return data + text + blake3(text).digest() + len(text).to_bytes(8, "little") + MAGIC
