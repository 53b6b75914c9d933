"""From what a person asks to weighted parts, and from their embeddings to one query."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
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


@dataclass(frozen=True, slots=True)
class Query:
    """A question, taken apart: texts with signed weights, and at most one picture."""

    texts: tuple[str, ...]
    weights: tuple[float, ...]
    image: Path | None = None


@dataclass(frozen=True, slots=True)
class QueryParts:
    """A question as it was asked; plus and minus terms may carry a weight in their text."""

    text: str | None = None
    image: Path | str | None = None
    plus: Sequence[WeightedTerm | str] = ()
    minus: Sequence[WeightedTerm | str] = ()


def parse_query(parts: QueryParts) -> Query:
    """The query that `parts` make up; the main text and the picture weigh 1 each.

    Raises:
        QueryError: Nothing was asked, only a minus term was, or a term is malformed.
    """
    if parts.text is not None and not parts.text.strip():
        raise QueryError("the query is empty: give some words or a picture")
    plus = [_as_term(term) for term in parts.plus]
    minus = [_as_term(term) for term in parts.minus]
    image = None if parts.image is None else Path(parts.image)
    if parts.text is None and image is None and not plus:
        what = "the query only subtracts" if minus else "the query is empty"
        raise QueryError(f"{what}: give some words or a picture")
    main = [] if parts.text is None else [WeightedTerm(parts.text)]
    return Query(
        texts=tuple(term.text for term in (*main, *plus, *minus)),
        weights=(*(term.weight for term in (*main, *plus)), *(-term.weight for term in minus)),
        image=image,
    )


def compose(embeddings: Embeddings, weights: Sequence[float]) -> Embeddings:
    """The one query embedding `(1, d)`: the normalised weighted sum of `(n, d)` unit rows.

    Raises:
        QueryError: The parts cancel each other out.
    """
    import numpy as np

    total = np.asarray(weights, dtype=np.float32) @ embeddings
    norm = float(np.linalg.norm(total))
    if not norm > _CANCELLED * sum(abs(weight) for weight in weights):
        raise QueryError("the terms of the query cancel each other out: change a weight")
    composed: Embeddings = (total / norm)[np.newaxis].astype(np.float32)
    return composed


def _as_term(term: WeightedTerm | str) -> WeightedTerm:
    return WeightedTerm.parse(term) if isinstance(term, str) else term.checked()


def _is_time_or_ratio(text: str, tail: str) -> bool:
    return tail.isdecimal() and text[-1:].isdecimal()
