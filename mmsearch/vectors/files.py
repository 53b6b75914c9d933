"""A vector index on disk: one FAISS file that carries its own manifest at its end.

FAISS reads from the front and never looks at what follows its data, so a trailer is safe there,
and with one file no moment exists in which index and manifest disagree. Layout: FAISS codes and
ids, inverted lists or removed ids, digests of the blocks of codes, manifest as JSON, BLAKE3 of the
manifest (32 bytes), its length (8 bytes, little-endian), magic.

A large file is never written again for a few changes: these lie in a second file beside it, of
the same layout, which names the first by its digest. One whose base has been replaced is of no
use and ignored.

Opening checks the manifest, the size and a fingerprint of sampled blocks: a torn, cut, swapped
or foreign file is seen in about a millisecond at any size. Then it checks the BLAKE3 of all data
but the codes, before FAISS sees a byte of it: FAISS allocates what a flipped length asks for. The
codes of a file up to `CHECKED_AT_ONCE` are checked then, too, those of a larger one block by block
before they are first searched. A flipped bit is never searched.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from typing import BinaryIO

import faiss
import numpy as np
from blake3 import blake3

from mmsearch.errors import VectorIndexError
from mmsearch.runtime.at_work import at_work_on, is_abandoned
from mmsearch.runtime.whole_file import sync_folder
from mmsearch.types import Ids
from mmsearch.vectors.blocks import DIGEST_BYTES, Blocks, digests_of
from mmsearch.vectors.layout import Layout, layout_of
from mmsearch.vectors.lists import Lists
from mmsearch.vectors.manifest import FORMAT_VERSION, MAGIC, Manifest, fingerprint, read_manifest
from mmsearch.vectors.mapped import require_readable
from mmsearch.vectors.recipes import Recipe, recipe_named
from mmsearch.vectors.rows import Rows, make_index

CHECKED_AT_ONCE = 1 << 27
"""Bytes of codes that are checked when a file is opened: 134 MB, 30 ms of one core."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A vector file: rows mapped rather than read, and what belongs to them.

    `removed` `(r,)` are ids that a file of recent changes takes from its base.
    """

    rows: Rows
    manifest: Manifest
    blocks: Blocks
    lists: Lists | None
    removed: Ids


@dataclass(frozen=True, slots=True)
class Content:
    """What is saved: rows level with `generation`, and their lists.

    For recent changes: the digest of the `base` they add to, and ids `(r,)` `removed` from it.
    """

    rows: Rows
    generation: int
    lists: Lists | None = None
    base: str = ""
    removed: Ids | None = None


def load(path: Path, dim: int) -> Loaded | None:
    """What a vector file holds; None when there is no file.

    Raises:
        VectorIndexError: Damaged, of another dimension, or of an unknown recipe.
    """
    for _ in range(3):
        before = identity(path)
        manifest = read_manifest(path)
        if manifest is None:
            return None
        if manifest.dim != dim:
            raise VectorIndexError(
                f"vector file {path} has dimension {manifest.dim}, not {dim}: it will be rebuilt"
            )
        try:
            loaded = _loaded(path, manifest)
        except OSError as exc:
            raise VectorIndexError(
                f"vector file {path} cannot be read ({exc.strerror}): it will be rebuilt"
            ) from exc
        if identity(path) == before:  # else another process saved a new one in between
            return loaded
    raise VectorIndexError(f"vector file {path} keeps changing: try again when indexing has ended")


def save(path: Path, content: Content) -> Manifest:
    """Write a file beside `path`, then put them in its place in one step.

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
                faiss.write_index(_with_ids(content.rows), name)
                manifest = _append(Path(name), content)
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


def identity(path: Path) -> tuple[int, int, int]:
    """What tells a file from the one that replaces it; zeros where there is none."""
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0)
    return status.st_ino, status.st_size, status.st_mtime_ns


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


def _loaded(path: Path, manifest: Manifest) -> Loaded:
    with _named(path):
        recipe = recipe_named(manifest.recipe)
    file = path.open("rb", buffering=0)  # a check reads what is there now, not what was
    try:
        blocks, layout = _checked(path, file, manifest, recipe)
        rows = _map_rows(path, manifest, recipe)
        if layout.codes.stop - layout.codes.start <= CHECKED_AT_ONCE:
            require_readable(rows.codes())
        lists, removed = None, np.empty(0, np.int64)
        file.seek(layout.extra.start)
        with _named(path):
            if manifest.lists and recipe.lists is not None:
                lists = Lists.read(recipe.lists, file, manifest.trained_on, manifest.misfit)
            elif manifest.base:
                removed = _removed(file, layout, manifest.n_removed)
    except BaseException:
        file.close()
        raise
    return Loaded(rows, manifest, blocks, lists, removed)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Says in an error which file it is of."""
    try:
        yield
    except VectorIndexError as exc:
        raise VectorIndexError(f"vector file {path}: {exc}; it will be rebuilt") from exc


def _removed(file: BinaryIO, layout: Layout, count: int) -> Ids:
    """The ids `(count,)` that changes take from their base.

    Raises:
        VectorIndexError: There are more or fewer.
    """
    data = file.read(layout.extra.stop - layout.extra.start)
    if len(data) != 8 * count:
        raise VectorIndexError("its manifest contradicts itself")
    return np.frombuffer(data, np.int64)


def _checked(path: Path, file: FileIO, manifest: Manifest, recipe: Recipe) -> tuple[Blocks, Layout]:
    """The blocks of codes, once all else is known as it was written; of a small file they are, too.

    Raises:
        VectorIndexError: Something is not.
    """
    code_size = make_index(recipe, manifest.dim).code_size
    with _named(path):
        layout = layout_of(manifest, code_size)
    if layout.digest(file) != manifest.digest:
        raise VectorIndexError(f"vector file {path} does not fit its checksum: it will be rebuilt")
    file.seek(layout.digests.start)
    table = file.read(layout.digests.stop - layout.digests.start)
    digests = np.frombuffer(table, np.uint8).reshape(-1, DIGEST_BYTES)
    blocks = Blocks(path, file, layout.codes, digests)
    if layout.codes.stop - layout.codes.start <= CHECKED_AT_ONCE:
        blocks.check_all(code_size)
    return blocks, layout


def _map_rows(path: Path, manifest: Manifest, recipe: Recipe) -> Rows:
    try:
        outer = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except (RuntimeError, MemoryError) as exc:
        raise VectorIndexError(f"vector file {path}: {exc}; it will be rebuilt") from exc
    if not isinstance(outer, faiss.IndexIDMap):
        raise VectorIndexError(f"vector file {path} holds no ids: it will be rebuilt")
    index = faiss.downcast_index(outer.index)
    ids = faiss.vector_to_array(outer.id_map)
    if not isinstance(index, faiss.IndexFlatCodes):
        raise VectorIndexError(f"vector file {path} is not of its recipe: it will be rebuilt")
    if index.ntotal != manifest.count or len(ids) != manifest.count or index.d != manifest.dim:
        raise VectorIndexError(f"vector file {path} contradicts its manifest: it will be rebuilt")
    return Rows(recipe, index, ids, owner=outer)


def _append(path: Path, content: Content) -> Manifest:
    """Add to the rows what belongs to them, and the manifest."""
    rows, lists = content.rows, content.lists
    with path.open("r+b") as file:
        rows_bytes = file.seek(0, os.SEEK_END)
        if lists is not None:
            lists.write(file)
        elif content.removed is not None:
            file.write(content.removed.tobytes())
        file.write(digests_of(rows.codes()).tobytes())
        file.flush()
        data_bytes = file.tell()
        layout = Layout.of(len(rows), rows.index.code_size, rows_bytes, data_bytes)
        manifest = Manifest(
            version=FORMAT_VERSION,
            recipe=rows.recipe.name,
            dim=rows.index.d,
            count=len(rows),
            generation=content.generation,
            rows_bytes=rows_bytes,
            data_bytes=data_bytes,
            digest=layout.digest(file),
            fingerprint=fingerprint(file, data_bytes),
            base=content.base,
            n_removed=0 if content.removed is None else len(content.removed),
            lists=lists is not None,
            trained_on=0 if lists is None else lists.trained_on,
            misfit=0.0 if lists is None else lists.misfit,
        )
        text = json.dumps(asdict(manifest)).encode()
        file.seek(data_bytes)
        file.write(text + blake3(text).digest() + len(text).to_bytes(8, "little") + MAGIC)
        file.flush()
        os.fsync(file.fileno())
    return manifest


def _sweep(path: Path) -> None:
    """Remove what killed processes left half-written."""
    for stray in path.parent.glob(f"{path.name}.*.tmp"):
        if is_abandoned(stray):
            with suppress(OSError):  # it costs room, no more
                stray.unlink()
