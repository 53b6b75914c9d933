"""`/jobs`: index again what is indexed already, or optimize that, and watch it happen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated

from fastapi import Body, Response
from fastapi import Path as InPath
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from mmsearch.engine.records import IndexOptions
from mmsearch.server.places import PathText, below_a_root
from mmsearch.server.problems import Problem, Refused
from mmsearch.server.shapes import Json, json_response

if TYPE_CHECKING:
    from mmsearch.server.jobs import Job
    from mmsearch.server.services import Services

JobId = Annotated[str, InPath(pattern=r"^[A-Za-z0-9_-]{1,32}$")]

_LOOK_S = 0.15
_PING_S = 15.0
_MAX_STREAMS = 32


class JobRequest(BaseModel):
    """What to index; without paths everything indexed so far."""

    model_config = ConfigDict(extra="forbid", strict=True)

    paths: Annotated[list[PathText], Field(min_length=1, max_length=100)] | None = None
    recheck: bool = Field(
        default=False, description="Read all files, also those whose size and time are as before."
    )
    retry_failed: bool = Field(
        default=False, description="Read files that failed before again, though unchanged."
    )
    allow_mass_removal: bool = Field(
        default=False,
        description="Let pictures that are gone leave the index even where they are more than "
        "half of a folder; else they are kept, and the summary tells of them in `held_back`.",
    )

    def options(self) -> IndexOptions:
        """What the indexer is to do."""
        return IndexOptions(
            recheck=self.recheck,
            allow_mass_removal=self.allow_mass_removal,
            retry_failed=self.retry_failed,
        )


class JobRoutes:
    """The routes below `/jobs`, and what else starts a job."""

    def __init__(self, services: Services, stopping: asyncio.Event) -> None:
        self._services = services
        self._jobs = services.jobs
        self._stopping = stopping
        self._n_streams = 0

    async def post(self, asked: Annotated[JobRequest | None, Body()] = None) -> Response:
        """Start to bring the index up to date.

        Only folders and files at or below a folder that is indexed already are taken. One job
        runs at a time.
        """
        asked = asked or JobRequest()
        library = self._services.library
        places = await self._services.threads.file(below_a_root, library, asked.paths)
        return json_response(self._jobs.start(places, asked.options()).to_json(), 202)

    async def optimize(self) -> Response:
        """Start to put recent changes into the vector files, and to train lists that have aged.

        It is a job like indexing: one runs at a time. Searches go on meanwhile, and use the new
        files once these are there.
        """
        return json_response(self._jobs.start_optimizing().to_json(), 202)

    async def listing(self) -> Response:
        """List the jobs since the server started, newest first."""
        return json_response({"jobs": [job.to_json() for job in self._jobs.listing()]})

    async def get(self, job_id: JobId) -> Response:
        """Show how far a job is."""
        return json_response(self._jobs.get(job_id).to_json())

    async def cancel(self, job_id: JobId) -> Response:
        """Cancel a job; what it has done is kept."""
        return json_response(self._jobs.cancel(job_id).to_json(), 202)

    async def events(self, job_id: JobId) -> Response:
        """Follow a job: `progress` and `warning` events, then one `done`."""
        job = self._jobs.get(job_id)
        if self._n_streams >= _MAX_STREAMS:
            raise Refused(Problem(503, "too many follow jobs", headers={"Retry-After": "5"}))
        return StreamingResponse(self._follow(job), media_type="text/event-stream")

    async def _follow(self, job: Job) -> AsyncIterator[bytes]:
        """The events of a job; looking a few times a second merges what comes thick and fast."""
        self._n_streams += 1
        seen, n_warned, quiet_s = -1, 0, 0.0
        try:
            while not self._stopping.is_set():
                over, version = job.is_over, job.version
                for message in job.warnings[n_warned:]:
                    n_warned += 1
                    yield _event("warning", {"message": message})
                if over:
                    yield _event("done", job.to_json())
                    return
                if version != seen:
                    seen, quiet_s = version, 0.0
                    yield _event("progress", job.to_json())
                elif quiet_s >= _PING_S:
                    quiet_s = 0.0
                    yield b": still here\n\n"
                quiet_s += _LOOK_S
                await asyncio.sleep(_LOOK_S)
        finally:
            self._n_streams -= 1


def _event(name: str, data: Json) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
