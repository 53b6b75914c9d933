"""An index as its user sees it: index, query, status; everything is opened when needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mmsearch.engine.interrupts import InterruptibleProgress
from mmsearch.engine.progress import ProgressListener, SilentProgress
from mmsearch.engine.query_language import QueryParts, WeightedTerm, parse_query
from mmsearch.engine.records import IndexOptions, LibraryStatus, MediaInfo
from mmsearch.errors import QueryError

if TYPE_CHECKING:
    from mmsearch.config import Settings
    from mmsearch.engine.factory import Factory
    from mmsearch.engine.searcher import Searcher
    from mmsearch.types import CaptionHit, Failure, Hit, IndexSummary

_DEFAULTS = IndexOptions()


class Library:
    """One index. Use it in a `with` block, or close it.

    One object serves one thread at a time; several processes may use one index together.
    """

    def __init__(self, factory: Factory) -> None:
        self._factory = factory

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

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
        a folder that is missing stay. Ctrl-C keeps what was done: the summary says
        `interrupted`, and the next run goes on.

        Args:
            paths: Folders or picture files. May be empty where `options` names caption files.
            options: What to leave out, and caption files to attach.
            progress: Told what happens, in the calling thread.

        Raises:
            QueryError: A path is neither there nor known, or none is given.
            DatasetError: A caption file cannot be read.
            ModelError: The model cannot be loaded.
            SpaceMismatchError: The weights of the index's model have changed.
        """
        from mmsearch.engine.captions import read_caption_files
        from mmsearch.engine.scopes import check_paths
        from mmsearch.media.scan import ScanOptions

        named = [paths] if isinstance(paths, str | Path) else list(paths)
        if not named and not options.captions:
            raise QueryError("nothing to index: name a folder")
        captions = read_caption_files(options.captions)
        if not self._factory.has_catalogue():
            check_paths(named)
        scan_options = ScanOptions(options.exclude, options.include_hidden)
        with InterruptibleProgress(progress or SilentProgress()) as watched:
            return self._factory.indexer(watched).run(named, scan_options, captions)

    def query(
        self,
        text: str | None = None,
        *,
        image: Path | str | None = None,
        plus: Sequence[WeightedTerm | str] = (),
        minus: Sequence[WeightedTerm | str] = (),
        k: int = 10,
        min_score: float | None = None,
        under: Path | str | None = None,
    ) -> list[Hit]:
        """The pictures nearest to a text, a picture, or both, best first.

        Args:
            text: What to find, in words.
            image: A picture to find others like; it and its copies are no hits.
            plus: Terms to add, with a weight: `"sunset:0.5"` or `WeightedTerm("sunset", 0.5)`.
            minus: Terms to subtract, likewise.
            k: How many hits at most.
            min_score: Leave out hits below this cosine.
            under: Only files at or below this path.

        Raises:
            QueryError: The question is empty or malformed, or the picture cannot be read.
            CatalogueError: There is no index yet, or it is empty.
            SpaceMismatchError: The index holds embeddings of another model.
        """
        query = parse_query(QueryParts(text, image, plus, minus))
        return self._searcher(k, min_score, under).images(query)

    def query_captions(
        self,
        text: str | None = None,
        *,
        image: Path | str | None = None,
        plus: Sequence[WeightedTerm | str] = (),
        minus: Sequence[WeightedTerm | str] = (),
        k: int = 10,
        min_score: float | None = None,
        under: Path | str | None = None,
    ) -> list[CaptionHit]:
        """The captions nearest to a text, a picture, or both, best first.

        Arguments and errors are those of `query`; `under` is about the captions' pictures.
        """
        query = parse_query(QueryParts(text, image, plus, minus))
        return self._searcher(k, min_score, under).captions(query)

    def remove(self, path: Path | str) -> int:
        """Forget a file, or all files at and below a folder; how many. Nothing else is touched.

        Raises:
            CatalogueError: There is no index yet.
        """
        from mmsearch.engine.scopes import real_path

        return self._factory.catalogue().remove_path(real_path(path))

    def status(self) -> LibraryStatus:
        """Counts, roots, spaces and sizes.

        Raises:
            CatalogueError: There is no index yet.
        """
        from mmsearch.engine.status import library_status

        return library_status(self._factory.catalogue(), self.settings)

    def failures(self) -> list[Failure]:
        """The files that could not be indexed, each with the reason.

        Raises:
            CatalogueError: There is no index yet.
        """
        return self._factory.catalogue().failures()

    def info(self, path: Path | str) -> MediaInfo:
        """What is known of one file: metadata, captions, copies, spaces, failure.

        Raises:
            QueryError: The file is neither indexed nor recorded as failed.
            CatalogueError: There is no index yet.
        """
        from mmsearch.engine.status import media_info

        return media_info(self._factory.catalogue(), path)

    def close(self) -> None:
        """Close the catalogue and let go of the model; closing twice is harmless."""
        self._factory.close()

    def _searcher(self, k: int, min_score: float | None, under: Path | str | None) -> Searcher:
        """A searcher with these options, checked before anything is opened."""
        from mmsearch.engine.searcher import SearchOptions

        options = SearchOptions(k, min_score, None if under is None else Path(under)).checked()
        return self._factory.searcher(options)
