"""What a client may ask, as a query string or as JSON: checked shapes, one meaning."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self, cast
from urllib.parse import parse_qsl

from fastapi.exceptions import RequestValidationError
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from mmsearch.engine.query_language import WeightedTerm
from mmsearch.engine.request import MOST_RERANKED, QueryOptions
from mmsearch.errors import QueryError

MAX_HITS = 200
MAX_REACH = 10_000
"""How deep pages go: `offset + k`."""

_MAX_TEXT = 2000
_MAX_TERMS = 32
_MAX_ID = 2**63 - 1
_REPEATED = frozenset(("plus", "minus", "format"))
_ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def _iso_day(value: object) -> object:
    """Only the plain form: pydantic would take numbers and times as well."""
    if isinstance(value, str):
        if not _ISO_DAY.fullmatch(value):
            raise ValueError("give a day as YYYY-MM-DD")
        return date.fromisoformat(value)
    return value


Text = Annotated[
    str,
    Field(
        min_length=1,
        max_length=_MAX_TEXT,
        pattern=r"^[^\x00]*$",
        description="What to find, in words.",
        examples=["a dog on a beach"],
    ),
]
Day = Annotated[
    date, BeforeValidator(_iso_day), Field(description="A day, inclusive: when it was taken.")
]
Folder = Annotated[
    str,
    Field(
        min_length=1,
        max_length=4096,
        pattern=r"^[^\x00]*$",
        description="Only files at or below this absolute path of the server.",
    ),
]
Format = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,16}$", examples=["jpeg"])]
Formats = Annotated[
    list[Format], Field(max_length=32, description="Only these formats; `jpg` means JPEG.")
]
Target = Annotated[Literal["images", "captions"], Field(description="What to look for.")]
Shape = Annotated[
    Literal["landscape", "portrait", "square"], Field(description="Only pictures of this shape.")
]
MediaId = Annotated[
    int, Field(ge=1, le=_MAX_ID, description="A picture to find others like, by its id.")
]
UploadId = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="A picture to find others like, sent to /uploads before.",
    ),
]
PictureWeight = Annotated[
    float,
    Field(gt=0, le=1000, allow_inf_nan=False, description="The picture's weight; the text has 1."),
]
K = Annotated[int, Field(ge=1, le=MAX_HITS, description="How many hits at most.")]
Offset = Annotated[
    int, Field(ge=0, le=MAX_REACH - 1, description="How many hits to pass over: pages.")
]
MinScore = Annotated[
    float,
    Field(ge=-1e9, le=1e9, allow_inf_nan=False, description="Leave out hits below this cosine."),
]
Rerank = Annotated[
    Annotated[int, Field(ge=0, le=MOST_RERANKED)] | Literal["auto"],
    Field(
        description="So many of the first hits are put in a cross encoder's order; 0: none. "
        "`auto`: the number of `/status` where reranking is measured to help, else none.",
        examples=[50],
    ),
]
Exact = Annotated[bool, Field(description="Miss nothing near, however large the index is: slower.")]
Budget = Annotated[
    float,
    Field(
        ge=0,
        le=1e9,
        allow_inf_nan=False,
        description="Milliseconds that reranking may take; what is not read then keeps its place.",
    ),
]
TermText = Annotated[
    str, Field(min_length=1, max_length=_MAX_TEXT, pattern=r"^[^\x00]*$", examples=["sunset:0.5"])
]


class Term(BaseModel):
    """A term with its weight."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: TermText
    weight: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] = 1.0


class SearchFilters(BaseModel):
    """Which files a search is about; what is absent does not restrict."""

    model_config = ConfigDict(extra="forbid", strict=True)

    under: Folder | None = None
    taken_from: Day | None = None
    taken_to: Day | None = None
    formats: Formats = Field(default_factory=list)
    orientation: Shape | None = None


class _Paged(BaseModel):
    """What both forms share: nothing beyond the last page."""

    k: K = 20
    offset: Offset = 0

    @model_validator(mode="after")
    def _within_reach(self) -> Self:
        if self.offset + self.k > MAX_REACH:
            raise ValueError(f"offset + k is over {MAX_REACH:,}: ask for less, or narrow it down")
        return self


class SearchBody(_Paged):
    """A question as JSON: `text`, a picture (`like` or `upload`), or both, and terms."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: Text | None = None
    target: Target = "images"
    like: MediaId | None = None
    upload: UploadId | None = None
    picture_weight: PictureWeight = 1.0
    plus: list[Term | TermText] = Field(default_factory=list, max_length=_MAX_TERMS)
    minus: list[Term | TermText] = Field(default_factory=list, max_length=_MAX_TERMS)
    min_score: MinScore | None = None
    rerank: Rerank = 0
    budget_ms: Budget | None = None
    exact: Exact = False
    filters: SearchFilters = SearchFilters()


class SearchQuery(_Paged):
    """A question as a query string."""

    model_config = ConfigDict(extra="forbid")

    q: Text | None = None
    target: Target = "images"
    like: MediaId | None = None
    upload: UploadId | None = None
    picture_weight: PictureWeight = 1.0
    plus: list[TermText] = Field(
        default_factory=list, max_length=_MAX_TERMS, description="Terms to add: `sunset:0.5`."
    )
    minus: list[TermText] = Field(
        default_factory=list, max_length=_MAX_TERMS, description="Terms to subtract."
    )
    min_score: MinScore | None = None
    rerank: Rerank = 0
    budget_ms: Budget | None = None
    exact: Exact = False
    under: Folder | None = None
    taken_from: Day | None = None
    taken_to: Day | None = None
    format: Formats = Field(default_factory=list)
    orientation: Shape | None = None

    @classmethod
    def parsed(cls, query: bytes) -> Self:
        """The question in a query string. Read here: FastAPI takes ten times as long for it.

        Raises:
            RequestValidationError: A value does not fit.
        """
        values: dict[str, object] = {}
        for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
            if name in _REPEATED:
                values.setdefault(name, [])
                cast("list[str]", values[name]).append(value)
            else:
                values[name] = value
        try:
            return cls.model_validate(values)
        except ValidationError as exc:
            errors = [{**error, "loc": ("query", *error["loc"])} for error in exc.errors()]
            raise RequestValidationError(errors) from exc

    @staticmethod
    def described() -> list[dict[str, object]]:
        """The parameters for the OpenAPI description."""
        schema = SearchQuery.model_json_schema()["properties"]
        return [
            {"name": name, "in": "query", "required": False, "schema": one}
            for name, one in schema.items()
        ]

    def as_body(self) -> SearchBody:
        """The same question as JSON would ask it; all is checked already."""
        filters = SearchFilters.model_construct(
            under=self.under,
            taken_from=self.taken_from,
            taken_to=self.taken_to,
            formats=self.format,
            orientation=self.orientation,
        )
        return SearchBody.model_construct(
            text=self.q,
            target=self.target,
            like=self.like,
            upload=self.upload,
            picture_weight=self.picture_weight,
            plus=self.plus,
            minus=self.minus,
            k=self.k,
            offset=self.offset,
            min_score=self.min_score,
            rerank=self.rerank,
            budget_ms=self.budget_ms,
            exact=self.exact,
            filters=filters,
        )


def options_of(asked: SearchBody) -> QueryOptions:
    """The engine's options for a question; an upload is put in by who keeps it.

    Raises:
        QueryError: `under` is not absolute, or two pictures are given.
    """
    filters = asked.filters
    if filters.under is not None and not Path(filters.under).is_absolute():
        raise QueryError("under is not an absolute path of the server: give one")
    if asked.like is not None and asked.upload is not None:
        raise QueryError("like and upload are both the picture to ask with: give one")
    return {
        "like": asked.like,
        "picture_weight": asked.picture_weight,
        "plus": [_term(term) for term in asked.plus],
        "minus": [_term(term) for term in asked.minus],
        "k": asked.k,
        "offset": asked.offset,
        "min_score": asked.min_score,
        "rerank": None if asked.rerank == "auto" else asked.rerank,
        "budget_ms": asked.budget_ms,
        "exact": asked.exact,
        "under": filters.under,
        "taken_from": filters.taken_from,
        "taken_to": filters.taken_to,
        "formats": filters.formats,
        "orientation": filters.orientation,
    }


def _term(term: Term | str) -> WeightedTerm | str:
    return WeightedTerm(term.text, term.weight) if isinstance(term, Term) else term
