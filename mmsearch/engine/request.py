"""A question as it is asked, with all its options, and the same once it is checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Self, TypedDict

import numpy as np
from numpy.typing import NDArray

from mmsearch.engine.query_language import WeightedTerm
from mmsearch.errors import QueryError
from mmsearch.types import NO_FILTERS, Filters, Orientation

DEFAULT_RERANKED = 50
"""First hits that are reranked where nobody says how many."""

MOST_RERANKED = 1000
"""First hits that are reranked at most: 4 MB of region features."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedPicture:
    """A picture from outside, embedded once, to ask with many times.

    `digest` is the hexadecimal BLAKE3 of its bytes, `embedding` `(d,)` float32, L2-normalised,
    in the space of `space_digest`. `regions` `(r, c)` int8 are its region features, of the
    projection of `regions_digest`; None where there is no reranker, or the picture is catalogued.
    """

    digest: str
    embedding: NDArray[np.float32]
    space_digest: str
    regions: NDArray[np.int8] | None = None
    regions_digest: str = ""


class QueryOptions(TypedDict, total=False):
    """The keyword arguments of every query method, here and through a server.

    `image`: a picture to find others like; it and its copies are no hits. `like`: the same with
    a catalogued picture, by media id. `picture_weight`: the picture's weight, where the text has
    1. `plus`, `minus`: terms to add and subtract, with a weight: `"sunset:0.5"` or
    `WeightedTerm("sunset", 0.5)`. `k`: how many hits at most, after the first `offset`.
    `min_score`: leave out hits below this cosine. `rerank`: so many of the first hits are read by
    a cross encoder and put in its order; 0: none; None: what is measured to help, where the model
    has a reranker. `budget_ms`: what that may take. `exact`: miss none of the nearest, however
    large the index. The others are those of `Filters`.
    """

    image: Path | str | PreparedPicture | None
    like: int | None
    picture_weight: float
    plus: Sequence[WeightedTerm | str]
    minus: Sequence[WeightedTerm | str]
    k: int
    offset: int
    min_score: float | None
    rerank: int | None
    budget_ms: float | None
    exact: bool
    under: Path | str | None
    taken_from: date | None
    taken_to: date | None
    formats: Sequence[str]
    orientation: Orientation | str | None


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """A question that can be asked; `of` makes it from the options of a query method."""

    text: str | None = None
    image: Path | PreparedPicture | None = None
    like: int | None = None
    picture_weight: float = 1.0
    plus: tuple[WeightedTerm, ...] = ()
    minus: tuple[WeightedTerm, ...] = ()
    k: int = 10
    offset: int = 0
    min_score: float | None = None
    rerank: int | None = None
    budget_ms: float | None = None
    exact: bool = False
    filters: Filters = NO_FILTERS

    @classmethod
    def of(cls, text: str | None, options: QueryOptions) -> Self:
        """The request that a text and `options` make up.

        Raises:
            QueryError: Nothing was asked, only a minus term was, or a value makes no sense.
            TypeError: There is no option of some name.
        """
        unknown = options.keys() - QueryOptions.__optional_keys__
        if unknown:
            raise TypeError(f"there is no query option {min(unknown)!r}")
        image = options.get("image")
        request = cls(
            text=text,
            image=Path(image) if isinstance(image, str) else image,
            like=options.get("like"),
            picture_weight=options.get("picture_weight", 1.0),
            plus=_terms(options.get("plus", ())),
            minus=_terms(options.get("minus", ())),
            k=options.get("k", 10),
            offset=options.get("offset", 0),
            min_score=options.get("min_score"),
            rerank=options.get("rerank"),
            budget_ms=options.get("budget_ms"),
            exact=options.get("exact", False),
            filters=_filters(options),
        )
        request._check_question()
        request._check_numbers()
        return request

    @property
    def texts(self) -> tuple[str, ...]:
        """All texts of the question: the main one, then plus and minus terms."""
        main = () if self.text is None else (self.text,)
        return (*main, *(term.text for term in (*self.plus, *self.minus)))

    @property
    def text_weights(self) -> tuple[float, ...]:
        """The signed weight of each of `texts`."""
        main = () if self.text is None else (1.0,)
        plus, minus = (tuple(term.weight for term in terms) for terms in (self.plus, self.minus))
        return (*main, *plus, *(-weight for weight in minus))

    @property
    def has_picture(self) -> bool:
        """Whether a picture is part of the question."""
        return self.image is not None or self.like is not None

    @property
    def prepared_in(self) -> str | None:
        """The digest of the space that the question's picture was embedded in before, if it was."""
        return self.image.space_digest if isinstance(self.image, PreparedPicture) else None

    def _check_question(self) -> None:
        if not all(map(_is_unicode, (*self.texts, *self.filters.formats))):
            raise QueryError("the query is not valid text: check the terminal's encoding (UTF-8)")
        if self.text is not None and not self.text.strip():
            raise QueryError("the query is empty: give some words or a picture")
        if self.image is not None and self.like is not None:
            raise QueryError("image and like are both the picture to ask with: give one")
        if self.text is None and not self.has_picture and not self.plus:
            what = "the query only subtracts" if self.minus else "the query is empty"
            raise QueryError(f"{what}: give some words or a picture")

    def _check_numbers(self) -> None:
        if self.k < 1:
            raise QueryError(f"k is {self.k}: ask for at least 1 result")
        if self.offset < 0:
            raise QueryError(f"offset is {self.offset}: give 0 or more")
        if not 0 < self.picture_weight < math.inf:
            raise QueryError(f"picture_weight is {self.picture_weight:g}: give one above 0")
        if self.min_score is not None and math.isnan(self.min_score):
            raise QueryError("min_score is not a number: give a cosine between -1 and 1")
        self._check_rerank()
        first, last = self.filters.taken_from, self.filters.taken_to
        if first is not None and last is not None and first > last:
            raise QueryError(f"taken_from {first} is after taken_to {last}: no day is in between")

    def _check_rerank(self) -> None:
        if self.rerank is not None and not 0 <= self.rerank <= MOST_RERANKED:
            raise QueryError(f"rerank is {self.rerank}: give 0 to {MOST_RERANKED} first hits")
        if self.budget_ms is not None and not 0 <= self.budget_ms < math.inf:
            raise QueryError(f"budget_ms is {self.budget_ms:g}: give 0 or more milliseconds")


def _is_unicode(text: str) -> bool:
    """Whether text is without stray bytes, which Python keeps as halves of surrogate pairs."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _terms(terms: Sequence[WeightedTerm | str]) -> tuple[WeightedTerm, ...]:
    """Checked terms; a text on its own is one term."""
    listed = [terms] if isinstance(terms, str) else terms
    return tuple(
        WeightedTerm.parse(term) if isinstance(term, str) else term.checked() for term in listed
    )


def _filters(options: QueryOptions) -> Filters:
    """The filters among the options."""
    under, formats = options.get("under"), options.get("formats", ())
    names = [formats] if isinstance(formats, str) else formats
    return Filters(
        under=None if under is None else _folder(under),
        taken_from=_day(options.get("taken_from")),
        taken_to=_day(options.get("taken_to")),
        formats=tuple(names),
        orientation=_orientation(options.get("orientation")),
    )


def _folder(path: Path | str) -> Path:
    if "\0" in str(path):
        raise QueryError("'under' holds a zero byte: give the path of a folder")
    return Path(path)


def _day(value: date | None) -> date | None:
    """A day; of a moment, the day it is in."""
    return value.date() if isinstance(value, datetime) else value


def _orientation(value: Orientation | str | None) -> Orientation | None:
    try:
        return None if value is None else Orientation(value)
    except ValueError as exc:
        known = ", ".join(Orientation)
        raise QueryError(f"there is no orientation '{value}': use one of {known}") from exc
