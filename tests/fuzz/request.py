"""What a client of the server asks: a query string, or JSON after a byte 0."""

from __future__ import annotations

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from mmsearch.engine.request import QueryRequest
from mmsearch.errors import QueryError
from mmsearch.server.questions import MAX_REACH, SearchBody, SearchQuery, options_of
from tests.fuzz.query import check_embedding

WORDS = (
    *(b"q=", b"&plus=", b"&minus=", b"&like=", b"&upload=", b"&k=", b"&offset=", b"&min_score="),
    *(b"&under=%2F", b"&taken_from=2024-01-01", b"&format=jpg", b"&orientation=square", b"%00"),
    *(b"&rerank=auto", b"&budget_ms=", b"&picture_weight=", b"%ed%a0%80", b"%ff", b"1e999", b"nan"),
    *(b'"text":', b'"filters":', b'"weight":', b"\\ud800", b'"like":', b"null", b"[[[[[["),
)


def check(data: bytes) -> None:
    """A question within the bounds of the engine, or one of the refusals that become a 422."""
    try:
        asked = _parsed(data)
        request = QueryRequest.of(asked.text, options_of(asked))
        check_embedding(request)
    except (RequestValidationError, ValidationError, QueryError):
        return
    assert request.k >= 1
    assert request.offset + request.k <= MAX_REACH
    assert all(text.encode("utf-8") and "\0" not in text for text in request.texts)


def _parsed(data: bytes) -> SearchBody:
    if data[:1] == b"\0":
        return SearchBody.model_validate_json(data[1:])
    return SearchQuery.parsed(data).as_body()


def seeds() -> list[bytes]:
    """Both ways to ask, with all that can be asked."""
    query = (
        b"q=a+dog&target=images&k=5&offset=2&plus=sunset%3A0.5&minus=cat&min_score=0.1"
        b"&rerank=10&budget_ms=20&under=%2Fphotos&taken_from=2024-01-01&taken_to=2024-12-31"
        b"&format=jpg&format=png&orientation=square"
    )
    body = (
        b'\0{"text": "a dog", "plus": [{"text": "sun", "weight": 0.5}, "b:2"], "minus": ["c"], '
        b'"k": 3, "rerank": "auto", "filters": {"under": "/p", "taken_from": "2024-01-01", '
        b'"formats": ["jpg"], "orientation": "portrait"}}'
    )
    return [query, b"like=3&picture_weight=2", body, b'\0{"upload": "abc", "target": "captions"}']
