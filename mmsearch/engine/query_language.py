"""The terms of a question with their weights, and the one embedding they make."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmsearch.errors import QueryError

if TYPE_CHECKING:
    from mmsearch.types import Embeddings

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)")
_CANCELLED = 1e-4
"""Below this norm the parts of a query have cancelled out: what is left is rounding."""


@dataclass(frozen=True, slots=True)
class WeightedTerm:
    """A text with the weight it has in a query; `weight` is above 0."""

    text: str
    weight: float = 1.0

    @classmethod
    def parse(cls, term: str) -> WeightedTerm:
        """The term that `"sunset:0.5"` means; without a weight, weight 1.

        A number after the last colon is the weight, except a whole number directly after a
        digit: times and ratios (`10:30`, `16:9`) stay text.

        Raises:
            QueryError: The text is empty or the weight not above 0.
        """
        text, colon, tail = term.rpartition(":")
        if not colon or not _NUMBER.fullmatch(tail) or _is_time_or_ratio(text, tail):
            return cls(term).checked()
        return cls(text, float(tail)).checked()

    def checked(self) -> WeightedTerm:
        """This term, if it can be asked.

        Raises:
            QueryError: The text is empty or the weight not above 0.
        """
        if not self.text.strip():
            raise QueryError(f"the term '{self.text}' is empty: give it words")
        if not 0 < self.weight < float("inf"):
            raise QueryError(
                f"the term '{self.text}' has weight {self.weight:g}: give one above 0 "
                "(--minus subtracts)"
            )
        return self


def compose(embeddings: Embeddings, weights: Sequence[float]) -> Embeddings:
    """The one query embedding `(1, d)`: the normalised weighted sum of `(n, d)` unit rows.

    Raises:
        QueryError: The parts cancel each other out.
    """
    import numpy as np

    shares = np.asarray(weights, dtype=np.float64)
    shares /= np.abs(shares).max()  # else weights that float32 cannot hold are infinite, or none
    total = shares.astype(np.float32) @ embeddings
    norm = float(np.linalg.norm(total))
    if not norm > _CANCELLED * float(np.abs(shares).sum()):
        raise QueryError("the terms of the query cancel each other out: change a weight")
    composed: Embeddings = (total / norm)[np.newaxis].astype(np.float32)
    return composed


def _is_time_or_ratio(text: str, tail: str) -> bool:
    return tail.isdecimal() and text[-1:].isdecimal()
