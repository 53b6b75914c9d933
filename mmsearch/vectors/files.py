"""A vector index on disk: one FAISS file that carries its own manifest at its end.

FAISS reads from the front and never looks at what follows its data, so a trailer is safe there,
and with one file no moment exists in which index and manifest disagree. Layout: FAISS data,
manifest as JSON, BLAKE3 of the manifest (32 bytes), its length (8 bytes, little-endian), magic.

Opening checks the manifest, the size and a fingerprint of sampled blocks: a torn, cut, swapped
or foreign file is seen in about a millisecond at any size. Then it checks the BLAKE3 of all data,
before FAISS sees a byte of it: FAISS allocates what a flipped length asks for, and a flipped code
would be searched. That reads the whole file, as the first search does anyhow: 2 ms for 10,000
embeddings of 512, 0.1 to 0.3 s for half a million (one core, the file in memory), while the model
is loaded in another thread.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

import faiss
import numpy as np
from blake3 import blake3

from mmsearch.errors import VectorIndexError
from mmsearch.runtime.at_work import at_work_on, is_abandoned
from mmsearch.runtime.whole_file import sync_folder
from mmsearch.vectors.manifest import FORMAT_VERSION, MAGIC, Manifest, fingerprint, read_manifest
from mmsearch.vectors.mapped import require_readable
from mmsearch.vectors.recipes import make_index, recipe_named
from mmsearch.vectors.rows import Rows

_WORTH_THREADS = 1 << 26
"""Fewer bytes are hashed before other threads have started."""


def load(path: Path, dim: int) -> tuple[Rows, Manifest] | None:
    """The rows of a vector file, mapped rather than read; None when there is no file.

    Raises:
        VectorIndexError: Damaged, of another dimension, or of an unknown recipe.
    """
    for _ in range(3):
        before = _identity(path)
        manifest = read_manifest(path)
        if manifest is None:
            return None
        if manifest.dim != dim:
            raise VectorIndexError(
                f"vector file {path} has dimension {manifest.dim}, not {dim}: it will be rebuilt"
            )
        if _data_digest(path, manifest.data_bytes) != manifest.data_digest:
            raise VectorIndexError(
                f"vector file {path} does not fit its checksum: it will be rebuilt"
            )
        rows = _map_rows(path, manifest)
        if _identity(path) == before:  # else another process saved a new one in between
            return rows, manifest
    raise VectorIndexError(f"vector file {path} keeps changing: try again when indexing has ended")


def save(path: Path, rows: Rows, generation: int) -> Manifest:
    """Write rows beside `path`, then put them in its place in one step.

    Of two processes that save at once the last one wins; either file is whole, and an older one
    is brought up to date by the catalogue.

    Raises:
        VectorIndexError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        handle, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".tmp", dir=path.parent)
        os.close(handle)
        try:
            with at_work_on(Path(name)):
                faiss.write_index(_with_ids(rows), name)
                manifest = _append_manifest(Path(name), rows, generation)
                Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except (OSError, RuntimeError) as exc:
        raise VectorIndexError(
            f"vector file {path} cannot be written ({_reason(exc)}): "
            "check the folder, and the space on its disk"
        ) from exc
    return manifest


def _reason(exc: OSError | RuntimeError) -> str:
    """What the system said: FAISS tells that in brackets, after a line of its own source."""
    if isinstance(exc, OSError):
        return exc.strerror or str(exc)
    text = " ".join(str(exc).split())
    return text[text.rfind("(") + 1 : -1] if text.endswith(")") else text


def _with_ids(rows: Rows) -> faiss.IndexIDMap:
    """The rows as FAISS's own index with ids, which any FAISS program can read."""
    index = faiss.IndexIDMap(make_index(rows.recipe, rows.index.d))
    index.index = rows.index  # an id map insists on being made over an empty index
    faiss.copy_array_to_vector(np.ascontiguousarray(rows.ids), index.id_map)
    index.ntotal = len(rows)
    return index


def _map_rows(path: Path, manifest: Manifest) -> Rows:
    try:
        recipe = recipe_named(manifest.recipe)
        outer = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except (RuntimeError, MemoryError, VectorIndexError) as exc:
        raise VectorIndexError(f"vector file {path}: {exc}; it will be rebuilt") from exc
    if not isinstance(outer, faiss.IndexIDMap):
        raise VectorIndexError(f"vector file {path} holds no ids: it will be rebuilt")
    index = faiss.downcast_index(outer.index)
    ids = faiss.vector_to_array(outer.id_map)
    if not isinstance(index, faiss.IndexFlatCodes):
        raise VectorIndexError(f"vector file {path} is not of its recipe: it will be rebuilt")
    if index.ntotal != manifest.count or len(ids) != manifest.count or index.d != manifest.dim:
        raise VectorIndexError(f"vector file {path} contradicts its manifest: it will be rebuilt")
    rows = Rows(recipe, index, ids, owner=outer)
    try:
        require_readable(rows.codes())
    except OSError as exc:
        raise VectorIndexError(
            f"vector file {path} cannot be read ({exc.strerror}): it will be rebuilt"
        ) from exc
    return rows


def _append_manifest(path: Path, rows: Rows, generation: int) -> Manifest:
    with path.open("r+b") as file:
        data_bytes = file.seek(0, os.SEEK_END)
        manifest = Manifest(
            version=FORMAT_VERSION,
            recipe=rows.recipe.name,
            dim=rows.index.d,
            count=len(rows),
            generation=generation,
            data_bytes=data_bytes,
            digest=rows.digest(),
            data_digest=_data_digest(path, data_bytes),
            fingerprint=fingerprint(file, data_bytes),
        )
        text = json.dumps(asdict(manifest)).encode()
        file.seek(data_bytes)
        file.write(text + blake3(text).digest() + len(text).to_bytes(8, "little") + MAGIC)
        file.flush()
        os.fsync(file.fileno())
    return manifest


def _data_digest(path: Path, data_bytes: int) -> str:
    """BLAKE3 over the first bytes of a file, hexadecimal.

    Raises:
        VectorIndexError: They cannot be read.
    """
    if data_bytes == 0:
        return blake3(b"").hexdigest()
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            threads = blake3.AUTO if data_bytes > _WORTH_THREADS else 1
            data = np.frombuffer(whole, np.uint8, data_bytes)
            try:
                require_readable(data)
                return blake3(data.data, max_threads=threads).hexdigest()
            finally:
                del data  # a map cannot be closed while somebody looks at it
    except (OSError, ValueError) as exc:  # an empty file cannot be mapped
        raise VectorIndexError(f"vector file {path} cannot be read ({exc})") from exc


def _identity(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0)
    return status.st_ino, status.st_size, status.st_mtime_ns


def _sweep(path: Path) -> None:
    """Remove what killed processes left half-written."""
    for stray in path.parent.glob(f"{path.name}.*.tmp"):
        if is_abandoned(stray):
            with contextlib.suppress(OSError):  # it costs room, no more
                stray.unlink()
