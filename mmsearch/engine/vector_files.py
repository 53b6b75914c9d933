"""Brings the vector files of a space up to the catalogue, and opens them for search."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.engine.records import VectorFileStatus
from mmsearch.errors import CatalogueError, VectorIndexError
from mmsearch.runtime.presence import shown_size
from mmsearch.types import Modality, Space

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue
    from mmsearch.config import Settings
    from mmsearch.protocols import EmbeddingSource, VectorIndex
    from mmsearch.vectors import FaissIndex

logger = logging.getLogger(__name__)

_OF_A_SPACE = re.compile(r"[0-9a-f]{16}-")
_WORTH_SAVING = 0.1
"""A searcher saves what it replayed when that is more than this share of the index."""


def save_vectors(catalogue: Catalogue, index_dir: Path, space: Space) -> None:
    """Bring the vector files of `space` up to the catalogue; FAISS is imported only for that."""
    from mmsearch.vectors import covered_generation, vector_path

    for modality in Modality:
        source = catalogue.source(space, modality)
        path = vector_path(index_dir, space, modality)
        covered = covered_generation(path)
        if covered == source.generation or (covered is None and source.count() == 0):
            continue
        from mmsearch.vectors import FaissIndex

        index = FaissIndex.open(path, space.dim)
        n_rows = index.catch_up(source)
        _written(catalogue, index, source, partial(index.save, train=True))
        logger.info("%s: %d changes applied", path.name, n_rows)


def open_vectors(
    catalogue: Catalogue, settings: Settings, space: Space, modality: Modality
) -> FaissIndex:
    """The vector index of a space, level with the catalogue; on the GPU if the settings want it.

    What another run left to replay is saved when it is much; where that is not possible
    (a read-only folder, a full disk) the search goes on without.
    """
    from mmsearch.vectors import FaissIndex, vector_path

    index = FaissIndex.open(vector_path(settings.index_dir, space, modality), space.dim)
    source = catalogue.source(space, modality)
    n_rows = index.catch_up(source)
    if n_rows > _WORTH_SAVING * len(index):
        try:
            _written(catalogue, index, source, index.save)
        except (CatalogueError, VectorIndexError) as exc:
            logger.info("the vector index is not saved: %s", exc)
    if settings.device == "cuda":  # copying to it takes seconds: not unasked
        index.use_gpu()
    return index


def open_vectors_once(
    catalogue: Catalogue, settings: Settings, space: Space, modality: Modality
) -> VectorIndex:
    """The same for one question only: a small file is scanned as it is, without FAISS."""
    from mmsearch.vectors import vector_path
    from mmsearch.vectors.file_scan import FileScan

    path = vector_path(settings.index_dir, space, modality)
    found = FileScan.open(path, catalogue.source(space, modality))
    return open_vectors(catalogue, settings, space, modality) if found is None else found


def rebuild_vectors(catalogue: Catalogue, path: Path, space: Space, modality: Modality) -> None:
    """Put a vector file made from the catalogue alone in the place of one that is of no use.

    Raises:
        CatalogueError: An embedding is damaged; the old file is left.
        VectorIndexError: The new file cannot be written.
    """
    from mmsearch.vectors import FaissIndex

    index = FaissIndex(path, space.dim)
    source = catalogue.source(space, modality)
    index.catch_up(source)
    _written(catalogue, index, source, partial(index.save, replace=True))


def _written(
    catalogue: Catalogue, index: FaissIndex, source: EmbeddingSource, write: Callable[[], bool]
) -> bool:
    """Whether `write` wrote a vector index, once what it covers is surely kept.

    After a loss of power a file may not claim a generation that the catalogue has lost: the
    catalogue would count up to it again, by other changes. Damage of a large file may show only
    here, where all of it is read: then it is made anew.
    """
    if index.dirty:
        catalogue.sync()
    try:
        return write()
    except VectorIndexError as exc:
        if not index.catch_up(source) and len(index):
            raise  # it was not damaged, it cannot be written
        logger.info("%s", exc)
    catalogue.sync()
    return write()


def drop_strange_vectors(index_dir: Path, spaces: Sequence[Space]) -> None:
    """Remove the vector files of all spaces but these, and what else is derived from such a space.

    A file that cannot be removed costs room, no more: were its space to come back, it is too old.
    """
    known = {space.key for space in spaces}
    for file in (index_dir / "vectors").glob("?*-*"):
        if file.name.partition("-")[0] in known or not _OF_A_SPACE.match(file.name):
            continue
        try:
            file.unlink()
        except OSError as exc:
            logger.info("%s is not removed: %s", file, exc)


def optimize_vectors(catalogue: Catalogue, path: Path, space: Space, modality: Modality) -> bool:
    """Whether a vector file was made anew: all in one file, with lists that serve what it holds.

    Others go on with the file they have until it is replaced, in one step.

    Raises:
        VectorIndexError: The new file cannot be written.
    """
    from mmsearch.vectors import FaissIndex

    index = FaissIndex.open(path, space.dim)
    source = catalogue.source(space, modality)
    index.catch_up(source)
    return _written(catalogue, index, source, index.optimize)


def vector_size_bytes(index_dir: Path, space: Space) -> int:
    """What the vector files of `space` take on disk."""
    return sum(_size_bytes(index_dir, space, modality) for modality in Modality)


def vector_file_statuses(index_dir: Path, space: Space) -> tuple[VectorFileStatus, ...]:
    """How each modality of `space` is searched; only what has a usable file."""
    from mmsearch.vectors import vector_path
    from mmsearch.vectors.manifest import read_manifest, read_recent

    found = []
    for modality in Modality:
        path = vector_path(index_dir, space, modality)
        try:
            manifest = read_manifest(path)
        except VectorIndexError:
            continue  # `verify` tells
        if manifest is None:
            continue
        recent = read_recent(path, manifest)
        n_recent = 0 if recent is None else recent.count
        found.append(
            VectorFileStatus(
                modality=modality,
                recipe=manifest.recipe,
                n_rows=manifest.count + n_recent - (0 if recent is None else recent.n_removed),
                n_recent=n_recent,
                size_bytes=_size_bytes(index_dir, space, modality),
                exact=not manifest.lists,
            )
        )
    return tuple(found)


def _size_bytes(index_dir: Path, space: Space, modality: Modality) -> int:
    from mmsearch.vectors import vector_path
    from mmsearch.vectors.manifest import recent_path

    path = vector_path(index_dir, space, modality)
    return sum(shown_size(file) for file in (path, recent_path(path)))
