"""An index as its user sees it: index, query, status; everything is opened when needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from mmsearch.closing import Closing
from mmsearch.engine.interrupts import InterruptibleProgress
from mmsearch.engine.progress import ProgressListener, SilentProgress
from mmsearch.engine.records import (
    Answer,
    CaptionAnswer,
    IndexOptions,
    LibraryStatus,
    MediaInfo,
    RerankerStatus,
)
from mmsearch.engine.request import DEFAULT_RERANKED, PreparedPicture, QueryOptions, QueryRequest
from mmsearch.engine.upkeep.library_upkeep import Upkeep
from mmsearch.errors import QueryError

if TYPE_CHECKING:
    from mmsearch.config import Settings
    from mmsearch.engine.factory import Factory
    from mmsearch.types import CaptionHit, Facets, Failure, Hit, IndexSummary

_DEFAULTS = IndexOptions()


class Library(Upkeep, Closing):
    """One index. Use it in a `with` block, or close it.

    It serves many threads at once, and several processes may use one index together: each
    question is answered from what is committed when it is asked.
    """

    def __init__(self, factory: Factory) -> None:
        self._factory = factory

    @property
    def settings(self) -> Settings:
        """Home, index name, model and the rest, as they hold for this library."""
        return self._factory.settings

    def index(
        self,
        paths: Sequence[Path | str] | Path | str,
        options: IndexOptions = _DEFAULTS,
        progress: ProgressListener | None = None,
    ) -> IndexSummary:
        """Bring the index to what is on disk below `paths`; it is made if there is none.

        Unchanged files cost a stat. A bad file is recorded with its reason and counted. Rows of
        a folder that is missing stay; so do, unless `options` allow it, those of more than half of
        a folder that are gone at once. Ctrl-C keeps what was done: the summary says
        `interrupted`, and the next run goes on.

        Args:
            paths: Folders or picture files. May be empty where `options` names caption files.
            options: What to leave out, caption files to attach, what may be removed.
            progress: Told what happens, in the calling thread.

        Raises:
            QueryError: A path is neither there nor known, or none is given.
            DatasetError: A caption file cannot be read.
            ModelError: The model cannot be loaded.
            SpaceMismatchError: The weights of the index's model have changed.
        """
        from mmsearch.engine.captions import read_caption_files
        from mmsearch.engine.indexer import RunOptions
        from mmsearch.engine.scopes import check_paths
        from mmsearch.engine.survey import SurveyOptions
        from mmsearch.media.scan import ScanOptions

        named = [paths] if isinstance(paths, str | Path) else list(paths)
        if not named and not options.captions:
            raise QueryError("nothing to index: name a folder")
        captions = read_caption_files(options.captions)
        if not self._factory.catalogues.exists():
            check_paths(named)
        how = SurveyOptions(ScanOptions(options.exclude, options.include_hidden), options.recheck)
        with (
            InterruptibleProgress(progress or SilentProgress()) as watched,
            self._factory.indexer(watched, options) as indexer,
        ):
            return indexer.run(named, RunOptions(how, options.allow_mass_removal), captions)

    def query(self, text: str | None = None, **options: Unpack[QueryOptions]) -> list[Hit]:
        """The pictures nearest to a text, a picture, or both, best first.

        Args:
            text: What to find, in words.
            options: A picture, terms, filters, how many: see `QueryOptions`.

        Raises:
            QueryError: The question is empty or malformed, or the picture cannot be read.
            CatalogueError: There is no index yet, or it is empty.
            SpaceMismatchError: The index holds embeddings of another model.
        """
        return list(self.answer(QueryRequest.of(text, options)).hits)

    def query_captions(
        self, text: str | None = None, **options: Unpack[QueryOptions]
    ) -> list[CaptionHit]:
        """The captions nearest to a text, a picture, or both, best first.

        Arguments and errors are those of `query`; filters are about the captions' pictures.
        """
        return list(self.answer_captions(QueryRequest.of(text, options)).hits)

    def answer(self, request: QueryRequest) -> Answer:
        """What `query` finds, with what may be said of the search as a whole.

        Raises:
            QueryError, CatalogueError, SpaceMismatchError: As `query`.
        """
        return self._factory.questions.ask(lambda searcher: searcher.images(request), request)

    def answer_captions(self, request: QueryRequest) -> CaptionAnswer:
        """What `query_captions` finds, with what may be said of the search as a whole.

        Raises:
            QueryError, CatalogueError, SpaceMismatchError: As `query`.
        """
        return self._factory.questions.ask(lambda searcher: searcher.captions(request), request)

    def prepare_picture(self, data: bytes) -> PreparedPicture:
        """The bytes of a picture file as an `image` to ask with, embedded once.

        Raises:
            MediaError: It is no picture, damaged or over a limit; the message is the reason.
            CatalogueError, SpaceMismatchError: As `query`.
        """
        return self._factory.questions.ask(lambda searcher: searcher.prepare(data))

    def media(self, media_id: int) -> MediaInfo:
        """What is known of a catalogued file: as `info`, by its id.

        Raises:
            QueryError: There is no such file (any more).
            CatalogueError: There is no index yet.
        """
        from mmsearch.engine.status import media_info_by_id

        with self._factory.catalogues.lease() as catalogue:
            return media_info_by_id(catalogue, media_id)

    def thumbnail(self, media_id: int, max_px: int) -> bytes:
        """JPEG of a catalogued picture, upright, its longer side at most `max_px`.

        Raises:
            MediaError: As `original`, or the file cannot be decoded.
            QueryError, CatalogueError: As `media`.
        """
        return self._factory.pictures().thumbnail(self.original(media_id), max_px)

    def original(self, media_id: int) -> Path:
        """The real path of a catalogued file, which lies below an indexed folder.

        Raises:
            MediaError: It is gone, its folder is offline, or a link leads out of all folders.
            QueryError, CatalogueError: As `media`.
        """
        from mmsearch.engine.originals import original_path

        with self._factory.catalogues.lease() as catalogue:
            return original_path(catalogue, media_id)

    def facets(self) -> Facets:
        """What there is to filter by: formats, orientations, days and folders, with counts.

        Raises:
            CatalogueError: There is no index yet.
        """
        return self._factory.facets()

    def remove(self, path: Path | str) -> int:
        """Forget a file, or all files at and below a folder; how many. Nothing else is touched.

        Raises:
            CatalogueError: There is no index yet.
        """
        from mmsearch.engine.scopes import real_path

        with self._factory.catalogues.lease() as catalogue:
            return catalogue.remove_path(real_path(path))

    def status(self) -> LibraryStatus:
        """Counts, roots, spaces and sizes.

        Raises:
            CatalogueError: There is no index yet.
        """
        from mmsearch.engine.status import library_status

        with self._factory.catalogues.lease() as catalogue:
            return library_status(catalogue, self.settings)

    def reranker(self) -> RerankerStatus | None:
        """What may reorder the first hits of a question; None where the model has no reranker.

        Raises:
            CatalogueError, SpaceMismatchError: As `query`.
            ModelError: The reranker that the settings name is none, or is of another model.
        """
        source = self._factory.questions.reranker()
        if source is None:
            return None
        name = "/".join(source.directory.parts[-2:])
        return RerankerStatus(name, DEFAULT_RERANKED, source.measured_lift)

    def failures(self) -> list[Failure]:
        """The files that could not be indexed, each with the reason.

        Raises:
            CatalogueError: There is no index yet.
        """
        with self._factory.catalogues.lease() as catalogue:
            return catalogue.failures()

    def info(self, path: Path | str) -> MediaInfo:
        """What is known of one file: metadata, captions, copies, spaces, failure.

        Raises:
            QueryError: The file is neither indexed nor recorded as failed.
            CatalogueError: There is no index yet.
        """
        from mmsearch.engine.status import media_info

        with self._factory.catalogues.lease() as catalogue:
            return media_info(catalogue, path)

    def close(self) -> None:
        """Close the catalogue, end worker processes, let go of the model; twice is harmless."""
        self._factory.close()
