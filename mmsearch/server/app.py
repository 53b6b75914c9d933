"""The application: its parts made, its routes laid, its gate in front."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI

from mmsearch.server import answers, index_answers, refusals
from mmsearch.server.auth import Auth
from mmsearch.server.description import describe, problems, raw
from mmsearch.server.docs import DocsRoutes
from mmsearch.server.gate import Gate, GateParts
from mmsearch.server.head import API
from mmsearch.server.job_routes import JobRoutes
from mmsearch.server.jobs import Jobs
from mmsearch.server.limits import BodyLimit, RateCheck, check_shape
from mmsearch.server.media import MediaRoutes
from mmsearch.server.metrics import Metrics
from mmsearch.server.origins import HostCheck, check_origin
from mmsearch.server.page import PageRoutes
from mmsearch.server.readiness import Readiness
from mmsearch.server.search import SearchRoutes
from mmsearch.server.services import Services
from mmsearch.server.status import StatusRoutes
from mmsearch.server.threads import Threads
from mmsearch.server.thumbnails import ThumbnailCache
from mmsearch.server.uploads import UploadRoutes, UploadStore

if TYPE_CHECKING:
    from mmsearch.engine.library import Library
    from mmsearch.server.options import ServerOptions

_JOB_STOP_S = 60.0


def create_app(
    library: Library, options: ServerOptions, open_library: Callable[[], Library]
) -> FastAPI:
    """The application over `library`, which the caller closes after it.

    `open_library` gives each job a library of its own on the same index.
    """
    metrics = Metrics()
    metrics.watch_index(library.status)
    services = Services(
        library=library,
        options=options,
        threads=Threads(options.threads),
        uploads=UploadStore(),
        thumbnails=ThumbnailCache(options.cache / "thumbnails", options.thumbnail_cache_bytes),
        jobs=Jobs(open_library, metrics.count_job),
        readiness=Readiness(library),
        metrics=metrics,
        auth=Auth(options.token),
    )
    app = FastAPI(
        title="mmsearch",
        version=version("mmsearch"),
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{API}/openapi.json",
        lifespan=_lifespan(services),
    )
    app.state.stopping = asyncio.Event()
    app.state.services = services
    refusals.add_to(app)
    app.include_router(_api(services, app.state.stopping), prefix=API)
    app.include_router(_pages(services), include_in_schema=False)
    app.add_middleware(Gate, parts=_gate(services))
    describe(app, needs_token=services.auth.needed)
    return app


def _lifespan(services: Services) -> Callable[[FastAPI], Any]:
    """What starts with the server and ends with it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        services.readiness.start()
        try:
            yield
        finally:
            app.state.stopping.set()
            await asyncio.to_thread(services.jobs.stop, _JOB_STOP_S)
            await asyncio.to_thread(services.readiness.stop)
            services.threads.close()

    return lifespan


def _gate(services: Services) -> GateParts:
    """The checks, cheapest first; what costs a guess or a token of the bucket comes late."""
    options = services.options
    body = BodyLimit(options.max_upload_bytes, options.body_timeout_s)
    checks = (
        check_shape,
        HostCheck(options),
        RateCheck(options.rate_limit),
        check_origin,
        services.auth,
        body.check,
    )
    return GateParts(checks, body, services.metrics)


def _api(services: Services, stopping: asyncio.Event) -> APIRouter:
    """The routes of the API, the busiest first."""
    router = APIRouter()
    search, media = SearchRoutes(services), MediaRoutes(services)
    uploads, status = UploadRoutes(services), StatusRoutes(services)
    jobs = JobRoutes(services, stopping)
    get = _adder(router, "GET")
    post = _adder(router, "POST")
    get("/search", search.get, answers.SearchAnswer, (404, 409, 422))
    post("/search", search.post, answers.SearchAnswer, (404, 409, 422))
    get("/media/{media_id}/thumbnail", media.thumbnail, "image/jpeg", (404, 422))
    get("/media/{media_id}/original", media.original, "image/*", (404, 416, 422))
    get("/media/{media_id}", media.get, answers.MediaDetails, (404, 422))
    post("/uploads", uploads.post, answers.Upload, (408, 413, 415, 422), 201)
    get("/facets", status.facets, index_answers.FacetCounts)
    get("/status", status.status, index_answers.Status)
    get("/roots", status.roots, index_answers.Roots)
    get("/failures", status.failures, index_answers.Failures)
    get("/info", status.info, answers.PathInfo, (403, 404, 422))
    post("/remove", status.remove, index_answers.Removed, (403, 422))
    post("/optimize", jobs.optimize, index_answers.JobInfo, (409,), 202)
    get("/jobs", jobs.listing, index_answers.JobList)
    post("/jobs", jobs.post, index_answers.JobInfo, (403, 409, 422), 202)
    get("/jobs/{job_id}", jobs.get, index_answers.JobInfo, (404, 422))
    _adder(router, "DELETE")("/jobs/{job_id}", jobs.cancel, index_answers.JobInfo, (404, 422), 202)
    get("/jobs/{job_id}/events", jobs.events, "text/event-stream", (404, 422))
    get("/health", status.health, index_answers.Wellbeing)
    get("/ready", status.ready, index_answers.Wellbeing, (503,))
    return router


def _pages(services: Services) -> APIRouter:
    """What is for browsers and for Prometheus."""
    router = APIRouter()
    PageRoutes(services).add_to(router)
    DocsRoutes().add_to(router)
    router.add_api_route("/metrics", StatusRoutes(services).metrics, methods=["GET"])
    return router


def _adder(router: APIRouter, method: str) -> Callable[..., None]:
    """A short way to add a route that answers JSON of a model, or bytes of a media type."""

    def add(
        path: str,
        endpoint: Callable[..., Any],
        answer: type | str,
        refused: tuple[int, ...] = (),
        status: int = 200,
    ) -> None:
        good: dict[str, Any] = raw(answer) if isinstance(answer, str) else {"model": answer}
        router.add_api_route(
            path,
            endpoint,
            methods=[method],
            status_code=status,
            response_model=None,
            responses={status: {"description": "As asked.", **good}, **problems(refused)},
        )

    return add
