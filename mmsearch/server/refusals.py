"""Turns whatever is raised on the way to an answer into a problem."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from mmsearch.errors import MmsearchError
from mmsearch.server.problems import PROBLEM_JSON, Problem, Refused, problem_of

_MAX_ERRORS = 20


def add_to(app: FastAPI) -> None:
    """Have `app` answer errors with problems."""
    handlers: dict[type[Exception], Callable[[Request, Any], Awaitable[Response]]] = {
        MmsearchError: _of_engine,
        HTTPException: _of_http,
        RequestValidationError: _of_shape,
    }
    for error, answer in handlers.items():
        app.add_exception_handler(error, answer)


async def _of_engine(request: Request, error: MmsearchError) -> Response:
    """An error that the engine raised on purpose."""
    return problem_of(error).response(request.url.path)


async def _of_http(request: Request, error: HTTPException) -> Response:
    """A refusal of ours, or one of the framework's: no such route, no such method."""
    if isinstance(error, Refused):
        problem = error.problem
    else:
        problem = Problem(error.status_code, error.detail.lower(), headers=error.headers or {})
    return problem.response(request.url.path)


async def _of_shape(request: Request, error: RequestValidationError) -> Response:
    """A value that does not fit. What was sent is not repeated: it may be anything."""
    found = [
        {"where": _where(one["loc"]), "message": _plain(one)}
        for one in error.errors()[:_MAX_ERRORS]
    ]
    detail = "; ".join(f"{one['where']}: {one['message']}" for one in found[:3])
    fields = Problem(422, detail, "QueryError", "The request does not fit").fields(request.url.path)
    return Response(json.dumps({**fields, "errors": found}), 422, media_type=PROBLEM_JSON)


def _where(location: Sequence[str | int]) -> str:
    """`query.k`, `body.filters.under`; an unknown name may be anything, and is cut."""
    return ".".join(str(part) for part in location)[:100]


def _plain(error: dict[str, Any]) -> str:
    message: str = error["msg"]
    return (message[:1].lower() + message[1:]).removeprefix("value error, ")
