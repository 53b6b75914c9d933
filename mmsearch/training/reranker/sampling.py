"""What a batch holds: random pictures and others that the dual encoder takes for them.

Pictures that look alike to the dual encoder make hard in-batch negatives (ALBEF, Li et al. 2021,
section 3.2). A draw is a function of the seed and the step, so a resumed run repeats it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmsearch.training.reranker.config import Drawing
from mmsearch.training.reranker.examples import CaptionIndex, Examples, Pool
from mmsearch.types import Embeddings

_DRAW = 5
"""Keeps these draws apart from those of `training.order` and `training.pairs`, 0 to 4."""
_FLOOR = 1e-6
"""Added to every probability, so that there are enough pictures to draw."""


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """One batch, as numbers of `Examples`.

    `pictures` `(b,)` and `captions` `(t,)` int64, each once; `rows` `(t,)` int64 is the row in
    `pictures` of each caption's own; `negative` `(t, b)` bool marks pairs that don't belong
    together; `view` is the view of all pictures.
    """

    pictures: NDArray[np.int64]
    captions: NDArray[np.int64]
    rows: NDArray[np.int64]
    negative: NDArray[np.bool_]
    view: int


class Sampler:
    """Draws batches from pools of pictures."""

    def __init__(self, examples: Examples, pools: Sequence[Pool], drawing: Drawing) -> None:
        self._examples = examples
        self._drawing = drawing
        self._index = CaptionIndex(examples.owner, len(examples.group))
        folds = sorted({pool.fold for pool in pools})
        self._folds = [[_Ready(pool, examples) for pool in pools if pool.fold == f] for f in folds]

    def draw(self, at: tuple[int, int, int], views: int) -> Draw:
        """The batch `at` = (seed, step, number in the step), of one of the first `views` views."""
        seed, step, part = at
        rng = np.random.default_rng((seed, _DRAW, step, part))
        fold = self._folds[int(rng.integers(len(self._folds)))]
        shares = np.array([ready.pool.share for ready in fold])
        pictures: list[int] = []
        for _ in range(self._drawing.seeds):
            ready = fold[int(rng.choice(len(fold), p=shares / shares.sum()))]
            pictures += self._with_neighbours(ready, rng)
        return self._batch(np.unique(pictures), rng, int(rng.integers(views)))

    def _with_neighbours(self, ready: _Ready, rng: np.random.Generator) -> list[int]:
        """A random picture of a pool, then pictures that one of its captions finds."""
        pictures = ready.pool.pictures
        place = int(rng.choice(len(pictures), p=ready.probabilities))
        caption = int(rng.choice(self._index.of(int(pictures[place]))))
        similarity = ready.images @ self._examples.texts[caption]
        scaled = (similarity - similarity.max()).astype(np.float64) / self._drawing.temperature
        chance = np.exp(scaled) + _FLOOR
        chance[place] = 0
        wanted = min(self._drawing.neighbours, len(pictures) - 1)
        found = rng.choice(len(pictures), wanted, replace=False, p=chance / chance.sum())
        return [int(pictures[place]), *(int(pictures[number]) for number in found)]

    def _batch(self, pictures: NDArray[np.int64], rng: np.random.Generator, view: int) -> Draw:
        """Some captions of each picture, and who is no negative of whom."""
        captions: list[int] = []
        rows: list[int] = []
        for row, picture in enumerate(pictures):
            own = self._index.of(int(picture))
            chosen = rng.choice(own, min(self._drawing.captions, len(own)), replace=False)
            captions += chosen.tolist()
            rows += [row] * len(chosen)
        numbers = np.array(captions, np.int64)
        negative = ~self.related(numbers, pictures)
        return Draw(pictures, numbers, np.array(rows, np.int64), negative, view)

    def related(
        self, captions: NDArray[np.int64], pictures: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Which captions `(t,)` are true of which pictures `(b,)`: `(t, b)`.

        Those of the picture itself or of an identical one, and those that read like one of its
        own.
        """
        examples = self._examples
        keys = examples.key[captions]
        own = examples.group[examples.owner[captions]]
        out: NDArray[np.bool_] = own[:, None] == examples.group[pictures][None]
        for column, picture in enumerate(pictures):
            out[:, column] |= np.isin(keys, examples.key[self._index.of(int(picture))])
        return out


class _Ready:
    """A pool with what each draw needs of it."""

    def __init__(self, pool: Pool, examples: Examples) -> None:
        self.pool = pool
        self.images: Embeddings = examples.images[0][pool.pictures]
        self.probabilities: NDArray[np.float64] | None = None
        if pool.weights is not None:
            self.probabilities = pool.weights / pool.weights.sum()
