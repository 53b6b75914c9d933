"""A vector file as it lies on the disk, scanned by NumPy for a process that asks once.

Importing FAISS takes as long as half a dozen scans of 50,000 x 512, most of it for libraries of
CUDA that its build for GPUs opens wherever it runs. Whoever asks more than once is better off with
FAISS, which scans three times as fast.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from mmsearch.errors import VectorIndexError
from mmsearch.protocols import EmbeddingSource
from mmsearch.types import Embeddings, Ids, Neighbours, Scores
from mmsearch.vectors.blocks import digests_of
from mmsearch.vectors.layout import layout_of
from mmsearch.vectors.manifest import Manifest, read_manifest, recent_path
from mmsearch.vectors.order import TOLERANCE, checked_queries, in_order
from mmsearch.vectors.recipes import recipe_named

if TYPE_CHECKING:
    from mmsearch.vectors.faiss_index import FaissIndex

logger = logging.getLogger(__name__)

MOST_ROWS = 100_000
"""A file of more is left to FAISS: a scan would take longer than it saves."""

_CODE_BYTES = 2
_ROWS_AT_ONCE = 512
"""As float32 they stay in a core's cache: 14 ms for 50,000 x 256, against 20 ms for 2,048 rows."""


class FileScan:
    """A `VectorIndex` that scans a file; where that is not level with its source, FAISS takes over.

    Not to be brought level by two threads at once; searching at once is safe.
    """

    def __init__(self, path: Path, codes: NDArray[np.float16], ids: Ids, generation: int) -> None:
        """Take codes `(n, d)` and ids `(n,)` read from `path`, sound and of that generation."""
        self._path = path
        self._codes = codes
        self._ids = ids
        self._generation = generation
        self._index: FaissIndex | None = None

    @classmethod
    def open(cls, path: Path, source: EmbeddingSource) -> Self | None:
        """The file at `path`, None where FAISS is needed.

        So it is where the file is missing, damaged or large, or not level with `source`.
        """
        try:
            manifest = read_manifest(path)
            if manifest is None or not _is_plain(path, manifest, source):
                return None
            codes, ids = _read(path, manifest)
        except (OSError, VectorIndexError) as exc:
            logger.debug("vector file %s is not scanned: %s", path, exc)
            return None
        return cls(path, codes, ids, manifest.generation)

    @property
    def generation(self) -> int:
        """The source generation this index covers."""
        return self._generation if self._index is None else self._index.generation

    @property
    def superseded(self) -> bool:
        """Whether another file has taken the place of the one that FAISS maps."""
        return self._index is not None and self._index.superseded

    def __len__(self) -> int:
        return len(self._ids) if self._index is None else len(self._index)

    def catch_up(self, source: EmbeddingSource) -> int:
        """Rows applied to bring the index to the source's generation; FAISS takes over if need be.

        Raises:
            VectorIndexError: The source's dimension is not the index's.
        """
        if self._index is None:
            if (source.dim, source.generation) == (self._codes.shape[1], self._generation):
                return 0
            self._index = self._taken_over()
        return self._index.catch_up(source)

    def search(
        self, queries: Embeddings, k: int, allowed: Ids | None = None, *, exact: bool = False
    ) -> Neighbours:
        """The `k` nearest of each query `(q, d)`, among `allowed` `(a,)` ids where given.

        Scores are of float16 codes, as those of FAISS, up to the rounding of their sums.

        Raises:
            VectorIndexError: The queries' shape does not fit, they are not finite, or the file is
                damaged where the search leads: the next `catch_up` rebuilds it.
        """
        if self._index is not None:
            return self._index.search(queries, k, allowed, exact=exact)
        rows = checked_queries(queries, self._codes.shape[1], k)
        codes, ids = self._codes, self._ids
        if allowed is not None:
            held = np.isin(ids, allowed)
            codes, ids = codes[held], ids[held]
        found = Neighbours(
            np.full((len(rows), k), -1, np.int64), np.full((len(rows), k), -np.inf, np.float32)
        )
        width = min(k, len(ids))
        for number, query in enumerate(rows if width else ()):
            near = _nearest(codes, ids, query, width)
            found.ids[number, :width], found.scores[number, :width] = near.ids[0], near.scores[0]
        return found

    def _taken_over(self) -> FaissIndex:
        """The same file as FAISS has it; what was read of it is forgotten."""
        from mmsearch.vectors.faiss_index import FaissIndex

        index = FaissIndex.open(self._path, self._codes.shape[1])
        self._codes, self._ids = self._codes[:0], self._ids[:0]
        return index


def _is_plain(path: Path, manifest: Manifest, source: EmbeddingSource) -> bool:
    """Whether a file has all rows of the source, and few enough, as float16 and nothing else."""
    recipe = recipe_named(manifest.recipe)
    return (
        recipe.exact
        and recipe.factory == "SQfp16"
        and manifest.count <= MOST_ROWS
        and (manifest.dim, manifest.generation) == (source.dim, source.generation)
        and not recent_path(path).exists()
    )


def _read(path: Path, manifest: Manifest) -> tuple[NDArray[np.float16], Ids]:
    """Codes `(n, d)` and ids `(n,)`, seen to be as they were written.

    Raises:
        OSError: The file cannot be read.
        VectorIndexError: They are not.
    """
    code_size = _CODE_BYTES * manifest.dim
    layout = layout_of(manifest, code_size)
    with path.open("rb", buffering=0) as file:
        if layout.digest(file) != manifest.digest:
            raise VectorIndexError("it does not fit its checksum")
        file.seek(layout.digests.start)
        table = file.read(layout.digests.stop - layout.digests.start)
        file.seek(layout.codes.start)
        codes = np.fromfile(file, np.uint8, manifest.count * code_size)
        numbers = np.fromfile(file, np.int64, 1 + manifest.count)  # FAISS's count comes first
    if len(codes) != manifest.count * code_size or len(numbers) != 1 + manifest.count:
        raise VectorIndexError("it is cut short")
    by_row = codes.reshape(manifest.count, code_size)
    if digests_of(by_row).tobytes() != table:
        raise VectorIndexError("it does not fit its checksum")
    return by_row.view(np.float16), numbers[1:]


def _nearest(
    codes: NDArray[np.float16], ids: Ids, query: NDArray[np.float32], k: int
) -> Neighbours:
    """The `k` nearest of a query `(d,)` as one row; not more than there are.

    A product of all chooses; those that it cannot tell from the best are then added up row by
    row, so that equal embeddings have equal scores wherever they lie.
    """
    scores = _scores(codes, query)
    slack = TOLERANCE * float(np.linalg.norm(query))
    among = np.flatnonzero(scores >= np.partition(scores, -k)[-k] - slack)
    sums = (codes[among].astype(np.float32) * query).sum(axis=1)
    found = in_order(ids[among][np.newaxis], sums[np.newaxis])
    return Neighbours(found.ids[:, :k], found.scores[:, :k])


def _scores(codes: NDArray[np.float16], query: NDArray[np.float32]) -> Scores:
    """The product `(n,)` of every row with a query `(d,)`."""
    scores = np.empty(len(codes), np.float32)
    floats = np.empty((_ROWS_AT_ONCE, codes.shape[1]), np.float32)
    for first in range(0, len(codes), _ROWS_AT_ONCE):
        some = codes[first : first + _ROWS_AT_ONCE]
        np.copyto(floats[: len(some)], some)
        np.dot(floats[: len(some)], query, out=scores[first : first + len(some)])
    return scores
