"""What the routes of one server share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmsearch.engine.library import Library
    from mmsearch.server.auth import Auth
    from mmsearch.server.jobs import Jobs
    from mmsearch.server.metrics import Metrics
    from mmsearch.server.options import ServerOptions
    from mmsearch.server.readiness import Readiness
    from mmsearch.server.threads import Threads
    from mmsearch.server.thumbnails import ThumbnailCache
    from mmsearch.server.uploads import UploadStore


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one server."""

    library: Library
    options: ServerOptions
    threads: Threads
    uploads: UploadStore
    thumbnails: ThumbnailCache
    jobs: Jobs
    readiness: Readiness
    metrics: Metrics
    auth: Auth
