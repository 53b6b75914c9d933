"""The OpenAPI description: FastAPI's, with problems as errors and the ways to log in."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from mmsearch.server.answers import ProblemDetails
from mmsearch.server.auth import COOKIE
from mmsearch.server.head import API
from mmsearch.server.problems import PROBLEM_JSON
from mmsearch.server.questions import SearchQuery

_ABOUT = """Find pictures from words, words from pictures, pictures from pictures.

Errors are problem details (RFC 9457); their `type` names the class of mmsearch's Python errors.
Every request may also be refused with 400 (malformed), 401 (no token), 403 (another site's page),
413, 421 (unknown Host), 429 (too fast; see Retry-After) or 503 (too busy, or not ready)."""
_REF = "#/components/schemas/{model}"
_OPEN = (f"{API}/health", f"{API}/ready")


def problems(statuses: Sequence[int]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may refuse so; any route may refuse in general."""
    schema = {"$ref": _REF.format(model=ProblemDetails.__name__)}
    content = {PROBLEM_JSON: {"schema": schema}}
    known: dict[int | str, dict[str, Any]] = {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }
    return {**known, "default": {"description": "Refused.", "content": content}}


def raw(media_type: str) -> dict[str, Any]:
    """The `responses` entry of a route that answers bytes."""
    return {"content": {media_type: {"schema": {"type": "string", "format": "binary"}}}}


def describe(app: FastAPI, *, needs_token: bool) -> None:
    """Give `app` its description, made when it is first asked for."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title, version=app.version, description=_ABOUT, routes=app.routes
            )
            app.openapi_schema = _finished(schema, needs_token)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _finished(schema: dict[str, Any], needs_token: bool) -> dict[str, Any]:
    """The schema with what FastAPI does not know added, and its own errors taken out."""
    models = schema["components"]["schemas"]
    models |= _models_of_problems()
    for unused in ("HTTPValidationError", "ValidationError"):
        models.pop(unused, None)
    schema["paths"][f"{API}/search"]["get"]["parameters"] = SearchQuery.described()
    schema["paths"][f"{API}/uploads"]["post"]["requestBody"] = {
        "required": True,
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in ("image/*", "application/octet-stream")
        },
    }
    if needs_token:
        schema["components"]["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
        }
        schema["security"] = [{"token": []}, {"session": []}]
        for path in _OPEN:
            schema["paths"][path]["get"]["security"] = []
    return schema


def _models_of_problems() -> dict[str, Any]:
    """The schema of problem details with the models it refers to."""
    schema = ProblemDetails.model_json_schema(ref_template=_REF)
    others: dict[str, Any] = schema.pop("$defs", {})
    return {ProblemDetails.__name__: schema, **others}
