"""The vector index that searches: FAISS rows kept level with the catalogue.

A small index is one set of rows in memory, written whole. A large one is a mapped file that never
changes, the `Base`, and beside it the rows that came since, which are scanned exactly; ids that
left are left out. Few changes are saved in a second file; many are put into a new base.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import numpy as np

from mmsearch.errors import VectorIndexError
from mmsearch.protocols import EmbeddingChanges, EmbeddingSource
from mmsearch.types import Embeddings, Ids, Neighbours
from mmsearch.vectors.base import Base
from mmsearch.vectors.files import Content, identity, load, save
from mmsearch.vectors.growing import give_lists, lacks_lists
from mmsearch.vectors.manifest import covered_generation
from mmsearch.vectors.order import checked_queries, joined
from mmsearch.vectors.ranking import nearest
from mmsearch.vectors.recent import are_many, drop_stale_recent, load_recent, save_recent
from mmsearch.vectors.recipes import recipe_for
from mmsearch.vectors.rows import Rows

logger = logging.getLogger(__name__)

SMALL = 1 << 16
"""A base of fewer rows is taken into memory to be changed, and written whole: 20 to 100 ms."""


class FaissIndex:
    """Nearest neighbours by inner product over one modality of one space; a `VectorIndex`.

    It lives in memory until `save`: a query catches up without writing, an indexing run saves.
    Not to be changed by two threads at once; searching at once is safe.
    """

    def __init__(self, path: Path, dim: int) -> None:
        self._path = path
        self._dim = dim
        self._base: Base | None = None
        self._recent = Rows.empty(recipe_for(0), dim)
        self._generation = 0
        self._file = (0, 0, 0)
        self._dirty = False
        self._replaces = False
        self._damaged = False

    @classmethod
    def open(cls, path: Path, dim: int) -> Self:
        """The index in a file; empty, at generation 0, when it is missing or cannot be used.

        A file that cannot be used is logged and left alone until the next `save` replaces it.
        """
        try:
            return cls.read(path, dim) or cls(path, dim)
        except VectorIndexError as exc:
            logger.warning("%s", exc)
            index = cls(path, dim)
            index._dirty = index._replaces = True
            return index

    @classmethod
    def read(cls, path: Path, dim: int) -> Self | None:
        """The index in a file, every id and code as it was saved; None when there is no file.

        Raises:
            VectorIndexError: It is damaged, or of another dimension.
        """
        index = cls(path, dim)
        return index if index._load() else None

    @property
    def path(self) -> Path:
        """The file that `save` writes."""
        return self._path

    @property
    def dim(self) -> int:
        """Embedding dimension d."""
        return self._dim

    @property
    def generation(self) -> int:
        """The source generation this index covers."""
        return self._generation

    @property
    def dirty(self) -> bool:
        """Whether `save` would have something to write."""
        return self._dirty

    @property
    def superseded(self) -> bool:
        """Whether another file has taken the place of the one that this index maps."""
        return self._base is not None and identity(self._path) not in (self._file, (0, 0, 0))

    def use_gpu(self) -> None:
        """Search a large index on a GPU where that is possible; one line says so where not."""
        if self._base is not None:
            self._base.use_gpu()

    def rows(self) -> Rows:
        """A copy of all rows, checked.

        Raises:
            VectorIndexError: The file is damaged.
        """
        if self._base is None:
            return self._recent.subset(np.arange(len(self._recent)))
        held = self._base.held()
        if len(self._recent):
            held.append_codes(self._recent)
        return held

    def __len__(self) -> int:
        return len(self._recent) + (0 if self._base is None else len(self._base))

    def catch_up(self, source: EmbeddingSource) -> int:
        """Rows applied to bring the index to the source's generation.

        What cannot be replayed is rebuilt: the file is too old, is of another catalogue, is
        damaged, or does not add up with the source's count.

        Raises:
            VectorIndexError: The source's dimension is not the index's.
        """
        if source.dim != self._dim:
            raise VectorIndexError(
                f"vector index {self._path} has dimension {self._dim}, its source {source.dim}: "
                "open it with the source's"
            )
        if self._damaged:
            self._start_anew("its checksum does not fit")
        if source.generation == self._generation:
            return 0
        if not source.can_replay_from(self._generation):
            self._start_anew("the catalogue cannot replay from its generation")
        elif not self._ready_to_change():
            self._start_anew("its checksum does not fit")
        applied = self._replay(source)
        # Only where nobody wrote meanwhile do the two counts have to agree.
        if source.generation == self._generation and source.count() != len(self):
            self._start_anew(f"it holds {len(self)} rows where the catalogue has {source.count()}")
            applied = self._replay(source)
        return applied

    def search(
        self, queries: Embeddings, k: int, allowed: Ids | None = None, *, exact: bool = False
    ) -> Neighbours:
        """The `k` nearest of each query `(q, d)`, among `allowed` `(a,)` ids where given.

        Scores are of float16 codes: within 1e-3 of float32 for normalised embeddings.

        Raises:
            VectorIndexError: The queries' shape does not fit, they are not finite, or the file is
                damaged where the search leads: the next `catch_up` rebuilds it.
        """
        rows = checked_queries(queries, self._dim, k)
        parts = []
        if self._base is not None:
            with self._noting_damage():
                parts.append(self._base.search(rows, k, allowed, exact=exact))
        if len(self._recent) or not parts:
            positions = None if allowed is None else self._recent.positions(allowed)
            parts.append(nearest(self._recent, rows, k, positions))
        return joined(parts, k)

    def save(self, *, replace: bool = False, train: bool = False) -> bool:
        """Write what changed since the file was; whether anything was written.

        A file that is as new, saved by another process meanwhile, is left in place; not so one
        that turned out to be of no use, whatever it claims, nor any with `replace`. With `train`
        a large index gets the lists that it lacks, or others where these do not serve it.

        Raises:
            VectorIndexError: The file cannot be written.
        """
        lacks = train and lacks_lists(self._base, len(self))
        if not (self._dirty or lacks):
            return False
        keeps = self._generation > 0 and not (self._replaces or replace or lacks)
        if keeps and (covered_generation(self._path) or 0) >= self._generation:
            self._dirty = False
            return False
        if lacks or self._base is None or self._is_to_merge(self._base):
            self._write_base(train=train)
        else:
            save_recent(self._path, self._recent, self._base, self._generation)
        self._dirty = self._replaces = False
        return True

    def optimize(self) -> bool:
        """Put all rows into one file with lists that serve them; whether there was a need to.

        Raises:
            VectorIndexError: The file is damaged or cannot be written.
        """
        changed = self._base is not None and bool(len(self._recent) or len(self._base.removed))
        if not (self._dirty or changed or lacks_lists(self._base, len(self))):
            return False
        self._write_base(train=True)
        self._dirty = self._replaces = False
        return True

    def verify(self) -> bool:
        """Whether all ids and codes fit the checksum they were saved with; reads everything."""
        if self._base is None:
            return True
        with suppress(VectorIndexError):
            self._base.check()
            return True
        return False

    def _load(self) -> bool:
        """Whether there is a file, which this index now is."""
        before = identity(self._path)
        loaded = load(self._path, self._dim)
        if loaded is None:
            return False
        self._base, self._file = Base(loaded), before
        self._recent = Rows.empty(recipe_for(0), self._dim)
        self._generation = loaded.manifest.generation
        changes = load_recent(self._path, loaded.manifest)
        if changes is not None:
            self._base.remove(changes.removed)
            self._recent = changes.rows.subset(np.arange(len(changes.rows)))
            self._generation = changes.manifest.generation
        return True

    @contextmanager
    def _noting_damage(self) -> Iterator[None]:
        try:
            yield
        except VectorIndexError:
            self._damaged = True
            raise

    def _is_to_merge(self, base: Base) -> bool:
        """Whether changes are too many to lie beside their base, or it is not there any more."""
        many = are_many(len(self._recent) + len(base.removed), len(base.rows))
        return many or identity(self._path) != self._file

    def _write_base(self, *, train: bool) -> None:
        with self._noting_damage():
            rows = self.rows()
        lists = give_lists(rows, self._base, train=train)
        manifest = save(self._path, Content(rows, self._generation, lists))
        drop_stale_recent(self._path, manifest)
        if len(rows) >= SMALL:
            self._load()

    def _ready_to_change(self) -> bool:
        """Take a small base into memory, so that it can be changed; False when it is damaged."""
        if self._base is None or len(self._base.rows) >= SMALL:
            return True
        try:
            self._recent = self.rows()
        except VectorIndexError:
            return False
        self._base = None
        return True

    def _start_anew(self, reason: str) -> None:
        logger.warning("vector index %s is rebuilt: %s", self._path, reason)
        self._base = None
        self._recent = Rows.empty(recipe_for(0), self._dim)
        self._generation = 0
        self._damaged = False
        self._dirty = self._replaces = True

    def _replay(self, source: EmbeddingSource) -> int:
        applied = 0
        for changes in source.changes_since(self._generation):
            applied += self._apply(changes)
            self._generation = changes.generation
            self._dirty = True
        return applied

    def _apply(self, changes: EmbeddingChanges) -> int:
        removed = self._remove(changes.removed)
        if len(changes.ids) == 0:
            return removed
        # Last one wins, also inside a run.
        ids, last = np.unique(changes.ids[::-1], return_index=True)
        self._remove(ids)
        self._recent.append(ids, changes.embeddings[::-1][last])
        return removed + len(changes.ids)

    def _remove(self, ids: Ids) -> int:
        before = len(self._recent)
        self._recent = self._recent.without(ids)
        count = before - len(self._recent)
        return count + (0 if self._base is None else self._base.remove(ids))
