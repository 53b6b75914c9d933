"""`/search`: a question in, prepared JSON out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Request, Response

from mmsearch.engine.request import QueryRequest
from mmsearch.server.questions import MAX_REACH, SearchBody, SearchQuery, options_of
from mmsearch.server.shapes import Json, caption_hit_json, hit_json, to_json

if TYPE_CHECKING:
    from mmsearch.engine.query_language import WeightedTerm
    from mmsearch.engine.records import Answer, CaptionAnswer
    from mmsearch.server.services import Services


class SearchRoutes:
    """`GET /search` and `POST /search`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def get(self, request: Request) -> Response:
        """Search by words, by a picture, or both.

        Hits come best first; pages (`offset`) join without gap or overlap while `generation`
        stays the same. `matches` is false when nothing in the index looks like what was asked.
        `rerank` is for words alone, or a picture alone where captions are looked for.
        """
        return await self._answer(SearchQuery.parsed(request.scope["query_string"]).as_body())

    async def post(self, asked: SearchBody) -> Response:
        """Search, with the question as JSON."""
        return await self._answer(asked)

    async def _answer(self, asked: SearchBody) -> Response:
        body = await self._services.threads.search(self._run, asked)
        return Response(body, media_type="application/json")

    def _run(self, asked: SearchBody) -> bytes:
        """The answer's JSON; runs in a thread."""
        options = options_of(asked)
        if asked.upload is not None:
            options["image"] = self._services.uploads.get(asked.upload)
        request = QueryRequest.of(asked.text, options)
        library = self._services.library
        started = time.perf_counter()
        answer: Answer | CaptionAnswer
        if asked.target == "captions":
            answer = library.answer_captions(request)
            hits = [caption_hit_json(hit) for hit in answer.hits]
        else:
            answer = library.answer(request)
            hits = [hit_json(hit) for hit in answer.hits]
        seconds = time.perf_counter() - started
        self._services.metrics.count_question(asked.target, seconds)
        return to_json(_answer_json(_Answered(asked, request, answer, hits, seconds)))


@dataclass(frozen=True, slots=True)
class _Answered:
    """A question with its answer and the hits' JSON."""

    asked: SearchBody
    request: QueryRequest
    answer: Answer | CaptionAnswer
    hits: list[Json]
    seconds: float


def _answer_json(answered: _Answered) -> Json:
    """The whole answer."""
    asked, answer = answered.asked, answered.answer
    reached = asked.offset + asked.k
    more = len(answered.hits) == asked.k and reached < min(answer.n_candidates, MAX_REACH)
    return {
        "query": _echo(asked, answered.request),
        "hits": answered.hits,
        "k": asked.k,
        "offset": asked.offset,
        "next_offset": reached if more else None,
        "n_candidates": answer.n_candidates,
        "matches": answer.matches,
        "reranked": answer.reranked,
        "exact": answer.exact,
        "generation": answer.generation,
        "took_ms": round(answered.seconds * 1000, 3),
    }


def _echo(asked: SearchBody, request: QueryRequest) -> Json:
    """The question as it was understood, in the shape that `POST /search` takes."""
    filters = asked.filters
    first, last = filters.taken_from, filters.taken_to
    return {
        "text": asked.text,
        "target": asked.target,
        "like": asked.like,
        "upload": asked.upload,
        "picture_weight": asked.picture_weight,
        "plus": _terms(request.plus),
        "minus": _terms(request.minus),
        "min_score": asked.min_score,
        "rerank": asked.rerank,
        "budget_ms": asked.budget_ms,
        "exact": asked.exact,
        "filters": {
            "under": filters.under,
            "taken_from": None if first is None else first.isoformat(),
            "taken_to": None if last is None else last.isoformat(),
            "formats": filters.formats,
            "orientation": filters.orientation,
        },
    }


def _terms(terms: tuple[WeightedTerm, ...]) -> list[Json]:
    return [{"text": term.text, "weight": term.weight} for term in terms]
