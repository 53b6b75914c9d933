"""The manifest at the end of a vector file: what it holds, read without FAISS.

A run that finds nothing to do learns from it that the file is level with the catalogue, and
never pays for importing FAISS.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import BinaryIO

from blake3 import blake3

from mmsearch.errors import VectorIndexError
from mmsearch.types import Modality, Space

MAGIC = b"mmsearch"
FORMAT_VERSION = 3
TRAILER_BYTES = 32 + 8 + len(MAGIC)
SAMPLE_BYTES = 4096
SAMPLES = 64


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a file holds: `rows_bytes` of FAISS codes and ids, and what belongs to them.

    `digest` is BLAKE3 over all data but the codes, and with them their blocks' digests;
    `fingerprint` over samples of all. A file of recent changes names the `base` it adds to, by
    digest, and takes `n_removed` from it. `lists` says whether there are inverted lists; they were
    trained on a gallery of `trained_on`, whose embeddings lay `misfit` away from the centres
    (1 - cosine, mean).
    """

    version: int
    recipe: str
    dim: int
    count: int
    generation: int
    rows_bytes: int
    data_bytes: int
    digest: str
    fingerprint: str
    base: str = ""
    n_removed: int = 0
    lists: bool = False
    trained_on: int = 0
    misfit: float = 0.0


def vector_path(index_dir: Path, space: Space, modality: Modality) -> Path:
    """Where the vector index of one space and modality lies, in the folder of an index."""
    return index_dir / "vectors" / f"{space.key}-{modality.value}.faiss"


def recent_path(path: Path) -> Path:
    """Where the changes since a large vector file was written lie, beside it."""
    return path.with_name(f"{path.stem}.recent{path.suffix}")


def read_manifest(path: Path) -> Manifest | None:
    """The manifest of a vector file; None when there is no file.

    Raises:
        VectorIndexError: Not such a file, or damaged.
    """
    try:
        with path.open("rb") as file:
            return _manifest(file)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, RecursionError) as exc:
        raise VectorIndexError(
            f"vector file {path} is damaged ({exc}): it will be rebuilt"
        ) from exc


def read_recent(path: Path, base: Manifest) -> Manifest | None:
    """The manifest of the changes beside a vector file; None where there are none for it."""
    try:
        recent = read_manifest(recent_path(path))
    except VectorIndexError:
        return None
    if recent is None or recent.base != base.digest or recent.generation <= base.generation:
        return None
    return recent


def covered_generation(path: Path) -> int | None:
    """The catalogue generation a vector file covers, with the changes beside it.

    None when it is missing or not usable.
    """
    try:
        manifest = read_manifest(path)
    except VectorIndexError:
        return None
    if manifest is None:
        return None
    return (read_recent(path, manifest) or manifest).generation


def fingerprint(file: BinaryIO, data_bytes: int) -> str:
    """BLAKE3 over evenly spaced blocks, the first and the last among them, hexadecimal."""
    hasher = blake3(data_bytes.to_bytes(8, "little"))
    last = max(data_bytes - SAMPLE_BYTES, 0)
    for start in sorted({last * i // (SAMPLES - 1) for i in range(SAMPLES)}):
        file.seek(start)
        hasher.update(file.read(min(SAMPLE_BYTES, data_bytes - start)))
    return hasher.hexdigest()


def _manifest(file: BinaryIO) -> Manifest:
    size = file.seek(0, os.SEEK_END)
    if size < TRAILER_BYTES:
        raise ValueError("it is cut short")
    file.seek(size - TRAILER_BYTES)
    trailer = file.read(TRAILER_BYTES)
    if trailer[40:] != MAGIC:
        raise ValueError("it has no manifest")
    length = int.from_bytes(trailer[32:40], "little")
    data_bytes = size - TRAILER_BYTES - length
    if data_bytes < 0:
        raise ValueError("its manifest is cut short")
    file.seek(data_bytes)
    text = file.read(length)
    if blake3(text).digest() != trailer[:32]:
        raise ValueError("its manifest does not fit its checksum")
    manifest = _parsed(text)
    if manifest.data_bytes != data_bytes or manifest.fingerprint != fingerprint(file, data_bytes):
        raise ValueError("its data does not fit its manifest")
    return manifest


def _parsed(text: bytes) -> Manifest:
    """The manifest in its JSON, every value of its kind."""
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError("its manifest is no object")  # noqa: TRY004 - all of these are ValueErrors
    if values.get("version") != FORMAT_VERSION:
        raise ValueError(f"its format is {values.get('version')!r}, not {FORMAT_VERSION}")
    manifest = Manifest(**values)
    for field in fields(Manifest):
        value = getattr(manifest, field.name)
        if not _is_of_kind(str(field.type), value):
            raise ValueError(f"'{field.name}' of its manifest is malformed")
    return manifest


def _is_of_kind(kind: str, value: object) -> bool:
    """Whether a value of JSON can be of the type an annotation names; a number is 0 or more."""
    if kind == "str":
        return isinstance(value, str)
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "float" and isinstance(value, float):
        return 0 <= value < math.inf
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63
