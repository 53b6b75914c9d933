"""`/status` and its like: what the index holds, whether the server is well."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict

from mmsearch.errors import ModelError, QueryError, SpaceMismatchError
from mmsearch.server import metrics
from mmsearch.server.places import PathText, below_a_root
from mmsearch.server.problems import Problem, Refused, gone
from mmsearch.server.shapes import (
    Json,
    facets_json,
    failure_json,
    json_response,
    path_info_json,
    root_json,
    status_json,
)

if TYPE_CHECKING:
    from mmsearch.engine.library import Library
    from mmsearch.engine.records import RerankerStatus
    from mmsearch.server.services import Services

_VERSION = version("mmsearch")


class RemoveRequest(BaseModel):
    """What to forget."""

    model_config = ConfigDict(extra="forbid", strict=True)

    path: PathText


class StatusRoutes:
    """Routes about the index as a whole."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._library = services.library

    async def status(self) -> Response:
        """Show counts, folders, models and sizes."""
        return json_response(await self._services.threads.file(self._status))

    async def roots(self) -> Response:
        """List the indexed folders."""
        status = await self._services.threads.file(self._library.status)
        return json_response({"roots": [root_json(root) for root in status.roots]})

    async def failures(self) -> Response:
        """List the files that could not be indexed, each with the reason."""
        failures = await self._services.threads.file(self._library.failures)
        return json_response({"failures": [failure_json(failure) for failure in failures]})

    async def facets(self) -> Response:
        """Show what there is to filter by."""
        return json_response(facets_json(await self._services.threads.file(self._library.facets)))

    async def info(self, path: Annotated[PathText, Query()]) -> Response:
        """Show what is known of a file, by its path."""
        return await self._services.threads.file(self._info, path)

    async def remove(self, asked: RemoveRequest) -> Response:
        """Forget a file, or a folder and all below it; nothing on disk is touched."""
        removed = await self._services.threads.file(self._remove, asked.path)
        return json_response({"removed": removed})

    async def health(self) -> Response:
        """Say that the server is alive."""
        return json_response({"status": "alive"})

    async def ready(self) -> Response:
        """Say whether searches can be answered: the model and the index are loaded."""
        reason = self._services.readiness.reason
        if reason is not None:
            raise Refused(Problem(503, reason, headers={"Retry-After": "1"}))
        return json_response({"status": "ready"})

    async def metrics(self) -> Response:
        """Give numbers to Prometheus."""
        text = await self._services.threads.file(self._services.metrics.text)
        return Response(text, media_type=metrics.CONTENT_TYPE)

    def _status(self) -> Json:
        reranker = _reranker(self._library)
        return {
            **status_json(self._library.status()),
            "reranker": None if reranker is None else asdict(reranker),
            "version": _VERSION,
            "login": self._services.auth.needed,
        }

    def _info(self, path: str) -> Response:
        (place,) = below_a_root(self._library, [path])
        try:
            return json_response(path_info_json(self._library.info(place)))
        except QueryError as exc:
            raise gone(exc) from exc

    def _remove(self, path: str) -> int:
        (place,) = below_a_root(self._library, [path])
        return self._library.remove(place)


def _reranker(library: Library) -> RerankerStatus | None:
    """What reorders first hits; None also where no question can be asked, which tells why."""
    try:
        return library.reranker()
    except (ModelError, SpaceMismatchError):
        return None
