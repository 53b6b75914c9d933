"""What a client is told when it is refused: problem details of RFC 9457."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mmsearch.errors import (
    CatalogueError,
    ConfigError,
    DatasetError,
    MediaError,
    MmsearchError,
    ModelError,
    QueryError,
    RemoteError,
    SpaceMismatchError,
    VectorIndexError,
)

PROBLEM_JSON = "application/problem+json"
URN = "urn:mmsearch:"
"""A problem's type is this and the name of the error class, or `about:blank`."""

_STATUS_AND_TITLE: Mapping[type[MmsearchError], tuple[int, str]] = {
    QueryError: (422, "The question cannot be asked"),
    MediaError: (422, "The picture cannot be used"),
    DatasetError: (422, "The caption data cannot be used"),
    CatalogueError: (409, "The index does not have what was asked for"),
    SpaceMismatchError: (409, "The index is of another model"),
    VectorIndexError: (503, "The vector index is not usable"),
    ModelError: (503, "The model is not usable"),
    ConfigError: (503, "The server is not set up right"),
    RemoteError: (503, "Another server failed"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal: `kind` names an error class, `""` = the status says all."""

    status: int
    detail: str
    kind: str = ""
    title: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def fields(self, path: str) -> dict[str, object]:
        """The members of the JSON object; `path` is the request's."""
        return {
            "type": f"{URN}{self.kind}" if self.kind else "about:blank",
            "title": self.title or HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": quote(path, safe="/"),
        }

    def response(self, path: str) -> Response:
        """The response that tells it."""
        return Response(
            json.dumps(self.fields(path)), self.status, self.headers, media_type=PROBLEM_JSON
        )


class Refused(HTTPException):
    """A request was refused with a problem. FastAPI passes its base on from everywhere."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.status, problem.detail, problem.headers)
        self.problem = problem


def problem_of(error: MmsearchError, status: int | None = None) -> Problem:
    """The problem that an error of the engine is, with its own status or the usual one.

    A catalogue that could not be read (the error has a cause) is the server's fault; one that
    holds no such thing is not.
    """
    usual, title = _STATUS_AND_TITLE.get(type(error), (500, ""))
    if isinstance(error, CatalogueError) and error.__cause__ is not None:
        usual, title = 503, "The index cannot be read"
    kind = type(error).__name__
    return (
        Problem(usual, str(error), kind, title)
        if status is None
        else Problem(status, str(error), kind)
    )


def gone(error: MmsearchError) -> Refused:
    """The refusal of something that is not there (any more)."""
    return Refused(problem_of(error, 404))
