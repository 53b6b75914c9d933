"""Whether anything found looks like a question, told without knowing the model.

A cosine alone says nothing: each model has its own scale. So the question competes with everyday
phrases for the pictures it found: z is its score with a picture less the mean of the phrases'
scores with the same picture, over their standard deviation (T-norm: Auckenthaler et al. 2000,
"Score Normalization for Text-Independent Speaker Verification Systems", section 3.2). The best
of n pictures reaches sqrt(2 ln n) by chance, and that is about what questions for absent things
reach.

Measured with `benchmarks/relevance.py` on 1,000 pictures, the validation split of Flickr8k, with
`mini`: captions of pictures that are there are denied in 0.1 %, short phrases for what many show
in 0 %, things that none shows in 73 %. (With an earlier, weaker `mini`, by which the rule was
chosen: 0.1, 5 and 62 %.) Comparing the best score with the mean and spread of the gallery's own
scores, as one would find an outlier, cannot tell them apart (area under the curve 0.53): a
question that fits a gallery well spreads all its scores.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmsearch.engine.everyday import EVERYDAY
from mmsearch.runtime.products import product
from mmsearch.runtime.whole_file import write_whole

if TYPE_CHECKING:
    from mmsearch.protocols import DualEncoder
    from mmsearch.types import Embeddings, Space

logger = logging.getLogger(__name__)

N_JUDGED = 5
"""Hits that are looked at: the best by cosine is not always the one that stands out most."""

_MARGIN = -0.5
"""Pictures of one gallery are no independent draws: their best reaches a bit less."""

_FEWEST = 20
"""Among fewer candidates chance is not taken for smaller."""


def stands_out(
    query: Embeddings, found: Embeddings, everyday: Embeddings, n_candidates: int
) -> bool:
    """Whether a query `(1, d)` fits one of the best `(h, d)` better than chance lets expect.

    `everyday` `(p, d)` are the phrases' embeddings; `found` is the best of `n_candidates`.
    """
    others = product(found, everyday)
    z = (found @ query[0] - others.mean(axis=1)) / np.maximum(others.std(axis=1), 1e-6)
    chance = math.sqrt(2 * math.log(max(n_candidates, _FEWEST)))
    return bool(z.max() >= chance + _MARGIN)


def everyday_embeddings(
    space: Space, folder: Path, load_encoder: Callable[[], DualEncoder]
) -> Embeddings:
    """The everyday phrases' embeddings `(p, d)`, encoded once for a model and kept in `folder`."""
    from blake3 import blake3

    key = blake3("\n".join(EVERYDAY).encode()).hexdigest()[:8]
    file = folder / f"{space.key}-everyday-{key}.npy"
    kept = _read(file, (len(EVERYDAY), space.dim))
    if kept is not None:
        return kept
    embeddings = load_encoder().encode_texts(EVERYDAY)
    _write(file, embeddings)
    return embeddings


def _read(file: Path, shape: tuple[int, int]) -> Embeddings | None:
    """The embeddings in a file; None where there is none that fits."""
    try:
        kept = np.load(file, allow_pickle=False)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError) as exc:
        logger.info("%s is made anew: %s", file, exc)
        return None
    fits = kept.shape == shape and kept.dtype == np.float32 and bool(np.isfinite(kept).all())
    return kept if fits else None


def _write(file: Path, embeddings: Embeddings) -> None:
    """Keep embeddings, whole or not at all; where they cannot be kept, that costs time, no more."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, lambda beside: _save(beside, embeddings))
    except OSError as exc:
        logger.info("%s cannot be kept: %s", file, exc)


def _save(file: Path, embeddings: Embeddings) -> None:
    with file.open("wb") as stream:  # NumPy would add a suffix to a path
        np.save(stream, embeddings, allow_pickle=False)
