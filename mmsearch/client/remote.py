"""A library that a server holds, used as if it were here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, Unpack

from mmsearch.client import index_shapes, shapes
from mmsearch.client.following import follow, follow_optimizing
from mmsearch.client.questions import question_json
from mmsearch.client.uploads import Uploads
from mmsearch.client.wire import Wire
from mmsearch.closing import Closing
from mmsearch.engine.progress import ProgressListener, SilentProgress
from mmsearch.engine.records import (
    Answer,
    CaptionAnswer,
    LibraryStatus,
    MediaInfo,
    RerankerStatus,
)
from mmsearch.engine.request import QueryOptions, QueryRequest
from mmsearch.engine.upkeep.findings import SilentUpkeep
from mmsearch.errors import QueryError

if TYPE_CHECKING:
    from mmsearch.engine.upkeep.findings import OptimizeReport, UpkeepListener
    from mmsearch.types import CaptionHit, Facets, Failure, Hit, IndexSummary

PageT = TypeVar("PageT", shapes.ImagePage, shapes.CaptionPage)

_PAGE = 200
"""Hits that a server gives at once; more are fetched page by page."""
_THUMBNAIL_SIZES = (1280, 640, 320, 160)
_TIMES_AGAIN = 3


def connect(url: str, token: str | None = None, timeout_s: float = 60.0) -> RemoteLibrary:
    """The library that `mmsearch serve` holds at `url`; nothing is asked before it is used.

    Args:
        url: Such as `"http://127.0.0.1:8000"`.
        token: The server's token, where it has one.
        timeout_s: How long to wait for an answer.

    Raises:
        ConfigError: `url` is no address.
    """
    return RemoteLibrary(Wire(url, token, timeout_s))


class RemoteLibrary(Closing):
    """The methods of `Library` over HTTP: equal answers, errors of equal classes.

    Paths are the server's, and absolute; only `image` is a file of this machine. One object
    serves many threads. Use it in a `with` block, or close it.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._uploads = Uploads(wire)

    @property
    def url(self) -> str:
        """Where the server is."""
        return self._wire.url

    def query(self, text: str | None = None, **options: Unpack[QueryOptions]) -> list[Hit]:
        """The pictures nearest to a text, a picture, or both: as `Library.query`.

        Raises:
            QueryError, CatalogueError, SpaceMismatchError: As there.
            RemoteError: The server cannot be reached, or refuses.
        """
        return list(self.answer(QueryRequest.of(text, options)).hits)

    def query_captions(
        self, text: str | None = None, **options: Unpack[QueryOptions]
    ) -> list[CaptionHit]:
        """The captions nearest to a text, a picture, or both: as `Library.query_captions`.

        Raises:
            QueryError, CatalogueError, SpaceMismatchError, RemoteError: As `query`.
        """
        return list(self.answer_captions(QueryRequest.of(text, options)).hits)

    def answer(self, request: QueryRequest) -> Answer:
        """What `query` finds, with what may be said of the search as a whole.

        Raises:
            QueryError, CatalogueError, SpaceMismatchError, RemoteError: As `query`.
        """
        pages = self._pages(request, "images", shapes.ImagePage)
        hits = tuple(one.hit() for page in pages for one in page.hits)
        first = pages[0]
        exact = all(page.exact for page in pages)
        return Answer(
            hits, first.n_candidates, first.matches, first.generation, first.reranked, exact
        )

    def answer_captions(self, request: QueryRequest) -> CaptionAnswer:
        """What `query_captions` finds, with what may be said of the search as a whole.

        Raises:
            QueryError, CatalogueError, SpaceMismatchError, RemoteError: As `query`.
        """
        pages = self._pages(request, "captions", shapes.CaptionPage)
        hits = tuple(one.hit() for page in pages for one in page.hits)
        first = pages[0]
        exact = all(page.exact for page in pages)
        return CaptionAnswer(
            hits, first.n_candidates, first.matches, first.generation, first.reranked, exact
        )

    def media(self, media_id: int) -> MediaInfo:
        """What is known of a catalogued file, by its id.

        Raises:
            QueryError: There is no such file (any more).
            RemoteError: As `query`.
        """
        return self._wire.get(f"/media/{media_id:d}", shapes.MediaDetails).info()

    def info(self, path: Path | str) -> MediaInfo:
        """What is known of one file of the server, by its path.

        Raises:
            QueryError: The file is neither indexed nor recorded as failed.
            RemoteError: As `query`; or the path lies outside all indexed folders.
        """
        return self._wire.get("/info", shapes.PathInfo, {"path": os.fspath(path)}).info()

    def thumbnail(self, media_id: int, max_px: int) -> bytes:
        """JPEG of a catalogued picture, upright, its longer side at most `max_px`.

        A server makes 160, 320, 640 and 1,280 pixels: the largest of them that fits.

        Raises:
            MediaError: The file is not there now, or cannot be decoded.
            QueryError: There is no such file (any more), or `max_px` is below 160.
            RemoteError: As `query`.
        """
        size = next((size for size in _THUMBNAIL_SIZES if size <= max_px), None)
        if size is None:
            raise QueryError(f"a server makes no thumbnail of {max_px} pixels: ask for 160 or more")
        return self._wire.get_bytes(f"/media/{media_id:d}/thumbnail", {"size": str(size)})

    def original(self, media_id: int) -> bytes:
        """A catalogued file's own bytes.

        Raises:
            MediaError: It is not there now, or lies outside all indexed folders.
            QueryError: There is no such file (any more).
            RemoteError: As `query`.
        """
        return self._wire.get_bytes(f"/media/{media_id:d}/original")

    def facets(self) -> Facets:
        """What there is to filter by: formats, orientations, days and folders, with counts."""
        return self._wire.get("/facets", index_shapes.FacetsShape).facets()

    def status(self) -> LibraryStatus:
        """Counts, roots, spaces and sizes."""
        return self._wire.get("/status", index_shapes.StatusShape).status()

    def reranker(self) -> RerankerStatus | None:
        """What may reorder the first hits of a question; None where the model has no reranker."""
        return self._wire.get("/status", index_shapes.StatusShape).reranker

    def failures(self) -> list[Failure]:
        """The files that could not be indexed, each with the reason."""
        answer = self._wire.get("/failures", shapes.Failures)
        return [one.failure() for one in answer.failures]

    def index(
        self,
        paths: Sequence[Path | str] | Path | str = (),
        progress: ProgressListener | None = None,
        *,
        recheck: bool = False,
        allow_mass_removal: bool = False,
        retry_failed: bool = False,
    ) -> IndexSummary:
        """Have the server bring its index to what is on its disk below `paths`.

        Ctrl-C cancels the server's job; what it has done is kept.

        Args:
            paths: Folders or files at or below a folder that is indexed there; empty: all.
            progress: Told what happens, in the calling thread.
            recheck: As in `IndexOptions`.
            allow_mass_removal: Likewise.
            retry_failed: Likewise.

        Raises:
            QueryError, ModelError, SpaceMismatchError: As `Library.index`.
            RemoteError: As `query`; or a path lies elsewhere, or a job is running.
        """
        named = [paths] if isinstance(paths, str | Path) else list(paths)
        asked: dict[str, object] = {
            "paths": [os.fspath(path) for path in named],
            "recheck": recheck,
            "allow_mass_removal": allow_mass_removal,
            "retry_failed": retry_failed,
        }
        body = {name: value for name, value in asked.items() if value}
        job = self._wire.post("/jobs", body, index_shapes.JobShape)
        return follow(self._wire, job, progress or SilentProgress())

    def remove(self, path: Path | str) -> int:
        """Forget a file, or all files at and below a folder; how many. Nothing else is touched.

        Raises:
            RemoteError: As `query`; or the path lies outside all indexed folders.
        """
        return self._wire.post("/remove", {"path": os.fspath(path)}, index_shapes.Removed).removed

    def optimize(self, progress: UpkeepListener | None = None) -> OptimizeReport:
        """Have the server make vector files anew where that makes questions quicker.

        Ctrl-C cancels the server's job; what it has made is kept. Paths are the server's.

        Args:
            progress: Told which file it is at, in the calling thread.

        Raises:
            CatalogueError, VectorIndexError: As `Library.optimize`.
            RemoteError: As `query`; or a job is running, or this one was cancelled.
        """
        job = self._wire.post("/optimize", {}, index_shapes.JobShape)
        return follow_optimizing(self._wire, job, progress or SilentUpkeep())

    def close(self) -> None:
        """Close the connections; closing twice is harmless."""
        self._wire.close()

    def _pages(self, request: QueryRequest, target: str, shape: type[PageT]) -> list[PageT]:
        """The pages of an answer, of one generation where the index gives us the time."""

        def ask(body: Mapping[str, object]) -> PageT:
            return self._wire.post("/search", body, shape)

        pages: list[PageT] = []
        for _ in range(_TIMES_AGAIN):
            pages = self._pages_once(request, target, ask)
            if len({page.generation for page in pages}) == 1:
                break
        return pages

    def _pages_once(
        self,
        request: QueryRequest,
        target: str,
        ask: Callable[[Mapping[str, object]], PageT],
    ) -> list[PageT]:
        pages: list[PageT] = []
        offset, left = request.offset, request.k
        while left > 0:
            body = {
                **question_json(request),
                "target": target,
                "k": min(left, _PAGE),
                "offset": offset,
            }
            page = self._uploads.ask_with(request.image, body, ask)
            pages.append(page)
            if page.next_offset is None:
                break
            left -= page.next_offset - offset
            offset = page.next_offset
        return pages
