"""A vector file against the catalogue: the same ids, the same codes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmsearch.protocols import EmbeddingSource
from mmsearch.types import Ids
from mmsearch.vectors.faiss_index import FaissIndex
from mmsearch.vectors.rows import Rows

_ONE_STEP = 1.0 / 1024
"""The step between float16 numbers, relative: another processor may round a code the other way."""
_LEAST_STEP = 1.0 / (1 << 24)
_CHUNK = 8192


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many rows a file has, and in how many it differs from its source.

    `missing` are ids of the source that the file lacks, `extra` those it has beyond, `different`
    those with another vector.
    """

    n_rows: int
    missing: int
    extra: int
    different: int

    @property
    def equal(self) -> bool:
        """Whether a search gives what one of the source itself would."""
        return not (self.missing or self.extra or self.different)


def compare(path: Path, source: EmbeddingSource) -> Comparison | None:
    """A vector file, brought level in memory as for a search, against all of its source.

    None where there is no file, or one so old that a search would build a new one. The source
    must not change meanwhile: read it in a snapshot.

    Raises:
        VectorIndexError: The file is damaged.
        CatalogueError: An embedding of the source is.
    """
    index = FaissIndex.read(path, source.dim)
    if index is None or not source.can_replay_from(index.generation):
        return None
    index.catch_up(source)
    truth = FaissIndex(path, source.dim)
    truth.catch_up(source)
    return _compared(index.rows(), truth.rows())


def _compared(rows: Rows, truth: Rows) -> Comparison:
    """How `rows` differ from those that were made from the source alone."""
    common, ours, theirs = np.intersect1d(rows.ids, truth.ids, return_indices=True)
    different = 0
    for start in range(0, len(common), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        different += _n_different(rows, ours[chunk], truth, theirs[chunk])
    return Comparison(len(rows), len(truth) - len(common), len(rows) - len(common), different)


def _n_different(rows: Rows, ours: Ids, truth: Rows, theirs: Ids) -> int:
    """How many rows at positions `ours` `(n,)` are not those of `truth` at `theirs` `(n,)`."""
    held, wanted = rows.codes()[ours], truth.codes()[theirs]
    odd = np.flatnonzero((held != wanted).any(axis=1))
    if not len(odd):
        return 0
    found, expected = rows.index.sa_decode(held[odd]), truth.index.sa_decode(wanted[odd])
    near = np.abs(found - expected) <= np.abs(expected) * _ONE_STEP + _LEAST_STEP
    return int((~near.all(axis=1)).sum())
