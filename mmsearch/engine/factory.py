"""Wires the parts: the one place that knows which catalogue, vectors, models and pool are used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mmsearch.engine.catalogues import Catalogues
from mmsearch.engine.encoder_models import EncoderModels
from mmsearch.engine.library import Library
from mmsearch.engine.model_choice import becomes_default, space_to_index, space_to_query
from mmsearch.engine.once import Once
from mmsearch.engine.processes import Processes, StartPool, start_decode_pool
from mmsearch.engine.progress import SilentProgress
from mmsearch.engine.recent import Recent
from mmsearch.errors import SpaceMismatchError

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue
    from mmsearch.config import Settings
    from mmsearch.engine.corpora import Corpus
    from mmsearch.engine.diff import PendingFile
    from mmsearch.engine.indexer import Indexer
    from mmsearch.engine.model_choice import Models
    from mmsearch.engine.progress import ProgressListener
    from mmsearch.engine.retrieval import Retriever
    from mmsearch.engine.searcher import Searcher
    from mmsearch.engine.shared_encoder import SharedEncoder
    from mmsearch.engine.tally import Tally
    from mmsearch.media.limits import DecodeLimits
    from mmsearch.media.pictures import PictureReader
    from mmsearch.protocols import DualEncoder
    from mmsearch.types import CaptionRecord, Embeddings, Facets, MediaRecord, Space
    from mmsearch.vectors import FaissIndex

Row = TypeVar("Row")

CATALOGUE_NAME = "catalogue.sqlite3"
_LOOK_AHEAD_BATCHES = 2
"""Decoded batches that may wait for the encoder: enough to hide one slow file."""
_LOOK_AHEAD_A_WORKER = 4


def open(  # noqa: A001 - mmsearch.open reads as meant
    home: Path | str | None = None,
    index: str | None = None,
    model: str | None = None,
    **settings: object,
) -> Library:
    """The library of an index; nothing is read or made before it is used.

    Args:
        home: Where indexes live; None = `MMSEARCH_HOME`, `mmsearch.toml`, the user's folder.
        index: The name of the index; None = "default".
        model: A model to index or ask with; None = the index's own.
        settings: Any other setting by its name, such as `device` or `batch_size`.

    Raises:
        ConfigError: A setting is unknown or does not fit.
    """
    from mmsearch.config import load_settings

    return open_library(load_settings(home=home, index=index, model=model, **settings))


def open_library(
    settings: Settings,
    models: Models | None = None,
    start_pool: StartPool | None = None,
    picture_workers: int = 0,
) -> Library:
    """The library that `settings` describe.

    Args:
        settings: Home, index, model and the rest.
        models: Replace the real models in tests.
        start_pool: Replace the worker processes of an indexing run in tests.
        picture_workers: So many processes that stay decode thumbnails and uploads, as a server
            wants it: none of their pictures can crash, hang or exhaust this process. 0: they are
            decoded here, without the cost of starting a process.
    """
    processes = Processes(start_pool or start_decode_pool, picture_workers)
    return Library(Factory(settings, models or EncoderModels(settings), processes))


class Factory:
    """Makes and keeps the parts of one library, each when it is first needed; thread-safe."""

    def __init__(self, settings: Settings, models: Models, processes: Processes) -> None:
        self.settings = settings
        self.catalogues = Catalogues(
            settings.index_dir / CATALOGUE_NAME,
            missing=f"no index '{settings.index}' in {settings.home} yet: "
            "make one with 'mmsearch index PATH'",
        )
        self._models = models
        self._processes = processes
        self._encoders: Once[str, DualEncoder] = Once()
        self._shared_encoders: Once[str, SharedEncoder] = Once()
        self._picture_retrievers: Once[str, Retriever[MediaRecord]] = Once()
        self._caption_retrievers: Once[str, Retriever[CaptionRecord]] = Once()
        self._everyday: Once[str, Embeddings] = Once()
        self._pictures: Once[None, PictureReader] = Once()
        self._facets: Recent[int, Facets] = Recent(1)

    @contextmanager
    def indexer(self, progress: ProgressListener) -> Iterator[Indexer]:
        """An indexer in the space that the settings ask for, which is registered."""
        from mmsearch.engine.indexer import Indexer, IndexerParts
        from mmsearch.engine.vector_files import save_vectors

        # The model first: a misspelt name is not to leave an empty index behind.
        space = self._space_to_index()
        with self.catalogues.lease(create=True) as catalogue:
            replaces_default = becomes_default(catalogue, space)
            catalogue.add_space(space)
            if replaces_default:
                catalogue.set_default_space(space.key)

            def load() -> DualEncoder:
                return self._encoder(space, progress)

            def embed(files: Sequence[PendingFile], tally: Tally) -> None:
                self._embed(files, tally, _Embedding(catalogue, space, progress))

            def save() -> None:
                save_vectors(catalogue, self.settings.index_dir, space)
                catalogue.checkpoint()

            yield Indexer(IndexerParts(catalogue, space, embed, load, save, progress))

    @contextmanager
    def searcher(self) -> Iterator[Searcher]:
        """A searcher, for the calling thread, in the space that the settings ask for."""
        from mmsearch.engine.corpora import Captions, Pictures
        from mmsearch.engine.searcher import Searcher, SearcherParts

        with self.catalogues.lease() as catalogue:
            space = space_to_query(
                catalogue, self._models, self.settings.model, self.settings.index
            )
            parts = SearcherParts(
                catalogue=catalogue,
                space=space,
                load_encoder=lambda: self._shared_encoder(space),
                everyday=lambda: self._everyday_embeddings(space),
                pixels=lambda source: self.pictures().pixels(source, space.input),
                pictures=self._retriever(space, Pictures(), self._picture_retrievers),
                captions=self._retriever(space, Captions(), self._caption_retrievers),
            )
            yield Searcher(parts)

    def pictures(self) -> PictureReader:
        """What reads single pictures: this process, or workers where the library is to serve."""
        return self._pictures.get(None, self._start_pictures)

    def facets(self) -> Facets:
        """The catalogue's facets, counted once a generation."""
        with self.catalogues.lease() as catalogue:
            return self._facets.get_or_make(catalogue.generation, catalogue.facets)

    def close(self) -> None:
        """Close the catalogue and the worker processes, and drop what is kept."""
        for pictures in self._pictures.clear():
            pictures.close()
        self.catalogues.close()
        self._picture_retrievers.clear()
        self._caption_retrievers.clear()
        self._shared_encoders.clear()
        self._encoders.clear()

    @property
    def _limits(self) -> DecodeLimits:
        from mmsearch.media.limits import DecodeLimits

        return DecodeLimits(
            max_pixels=int(self.settings.max_megapixels * 1e6),
            timeout_s=self.settings.decode_timeout_s,
            memory_mb=self.settings.decode_memory_mb,
        )

    def _space_to_index(self) -> Space:
        asked, index = self.settings.model, self.settings.index
        if not self.catalogues.exists():
            return space_to_index(None, self._models, asked, index)
        with self.catalogues.lease(create=True) as catalogue:
            return space_to_index(catalogue, self._models, asked, index)

    def _start_pictures(self) -> PictureReader:
        from mmsearch.media.pictures import InlinePictures, PicturePool

        workers = self._processes.picture_workers
        return PicturePool(self._limits, workers) if workers else InlinePictures(self._limits)

    def _encoder(self, space: Space, progress: ProgressListener) -> DualEncoder:
        """The encoder of `space`, loaded once."""

        def load() -> DualEncoder:
            progress.on_model(space.name)
            encoder = self._models.load(space.name)
            if encoder.space.digest != space.digest:
                raise SpaceMismatchError(
                    f"the weights of model '{space.name}' changed just now: run the command again"
                )
            return encoder

        return self._encoders.get(space.digest, load)

    def _shared_encoder(self, space: Space) -> SharedEncoder:
        """The same for questions: merged and remembered."""

        def share() -> SharedEncoder:
            from mmsearch.engine.shared_encoder import SharedEncoder

            return SharedEncoder(self._encoder(space, SilentProgress()))

        return self._shared_encoders.get(space.digest, share)

    def _everyday_embeddings(self, space: Space) -> Embeddings:
        """The embeddings `(p, d)` of everyday phrases in `space`."""

        def make() -> Embeddings:
            from mmsearch.engine.relevance import everyday_embeddings

            folder = self.settings.index_dir / "vectors"
            return everyday_embeddings(
                space, folder, lambda: self._encoder(space, SilentProgress())
            )

        return self._everyday.get(space.digest, make)

    def _retriever(
        self, space: Space, corpus: Corpus[Row], known: Once[str, Retriever[Row]]
    ) -> Retriever[Row]:
        """What searches a corpus in `space`, following the catalogue."""

        def make() -> Retriever[Row]:
            from mmsearch.engine.retrieval import Retriever, RetrieverParts
            from mmsearch.engine.vector_files import open_vectors

            def load_index(catalogue: Catalogue) -> FaissIndex:
                return open_vectors(catalogue, self.settings.index_dir, space, corpus.modality)

            def load_encoder() -> DualEncoder:
                return self._shared_encoder(space)

            parts = RetrieverParts(self.catalogues, space, corpus, load_encoder, load_index)
            return Retriever(parts)

        return known.get(space.digest, make)

    def _embed(self, files: Sequence[PendingFile], tally: Tally, into: _Embedding) -> None:
        """Run the pipeline over `files` with a pool of its own."""
        from mmsearch.engine.pipeline import EmbeddingPipeline, PipelineParts

        space, workers = into.space, min(self.settings.decode_workers, len(files))
        batch_size = self.settings.batch_size
        if space.digest not in self._encoders:
            into.progress.on_model(space.name)
        with self._processes.start_pool(space.input, self._limits, workers) as pool:
            parts = PipelineParts(
                decoder=pool,
                sink=into.catalogue,
                space=space,
                load=lambda: self._encoder(space, SilentProgress()),
                batch_size=batch_size,
                look_ahead=_LOOK_AHEAD_BATCHES * batch_size + _LOOK_AHEAD_A_WORKER * workers,
            )
            EmbeddingPipeline(parts, tally, into.progress).run(files)


@dataclass(frozen=True, slots=True)
class _Embedding:
    """Where a run's embeddings go, and who is told."""

    catalogue: Catalogue
    space: Space
    progress: ProgressListener
