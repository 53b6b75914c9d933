"""Wires the parts: the one place that knows which catalogue, vectors, models and pool are used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.engine.catalogues import Catalogues
from mmsearch.engine.encoder_models import EncoderModels
from mmsearch.engine.library import Library
from mmsearch.engine.model_choice import becomes_default, space_to_index
from mmsearch.engine.once import Once
from mmsearch.engine.processes import Processes, StartPool, start_decode_pool
from mmsearch.engine.questions import QuestionParts, Questions
from mmsearch.engine.recent import Recent
from mmsearch.engine.reranker_models import NoRerankers, RerankerModels
from mmsearch.engine.space_encoders import SpaceEncoders
from mmsearch.engine.space_rerankers import SpaceRerankers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mmsearch.catalogue import Catalogue, KnownFailure
    from mmsearch.config import Settings
    from mmsearch.engine.embedding_run import EmbeddingRun, RunEncoder
    from mmsearch.engine.indexer import Indexer
    from mmsearch.engine.model_choice import Models
    from mmsearch.engine.pipeline import BatchSink
    from mmsearch.engine.progress import ProgressListener
    from mmsearch.engine.records import IndexOptions
    from mmsearch.engine.reranker_models import Rerankers
    from mmsearch.engine.upkeep.model_change import Migration
    from mmsearch.engine.upkeep.model_records import MigrationOptions, RollbackReport
    from mmsearch.media.decode_limits import DecodeLimits
    from mmsearch.media.pictures import PictureReader
    from mmsearch.protocols import RegionEncoder
    from mmsearch.rerank_types import RegionProjection
    from mmsearch.types import Facets, InputSpec, MediaRecord, Space

CATALOGUE_NAME = "catalogue.sqlite3"


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
    rerankers: Rerankers | None = None,
    once: bool = False,
) -> Library:
    """The library that `settings` describe.

    Args:
        settings: Home, index, model and the rest.
        models: Replace the real models in tests; there is no reranker then, unless given too.
        start_pool: Replace the worker processes of an indexing run in tests.
        picture_workers: So many processes that stay decode thumbnails and uploads, as a server
            wants it: none of their pictures can crash, hang or exhaust this process. 0: they are
            decoded here, without the cost of starting a process.
        rerankers: Replace the real rerankers in tests.
        once: One question will be asked: what it needs is made ready soon rather than to be fast.
    """
    processes = Processes(start_pool or start_decode_pool, picture_workers)
    if rerankers is None:
        rerankers = RerankerModels(settings, once=once) if models is None else NoRerankers()
    return Library(Factory(settings, models or EncoderModels(settings), processes, rerankers, once))


class Factory:
    """Makes and keeps the parts of one library, each when it is first needed; thread-safe."""

    def __init__(
        self,
        settings: Settings,
        models: Models,
        processes: Processes,
        rerankers: Rerankers,
        once: bool,
    ) -> None:
        self.settings = settings
        self.catalogues = Catalogues(
            settings.index_dir / CATALOGUE_NAME,
            missing=f"no index '{settings.index}' in {settings.home} yet: "
            "make one with 'mmsearch index PATH'",
        )
        self._models = models
        self._processes = processes
        self._encoders = SpaceEncoders(models, settings.index_dir / "vectors")
        self.rerankers = SpaceRerankers(rerankers, self._encoders, self._indexed_pixels)
        self._pictures: Once[None, PictureReader] = Once()
        self._facets: Recent[int, Facets] = Recent(1)
        self.questions = Questions(
            QuestionParts(
                settings=settings,
                catalogues=self.catalogues,
                models=models,
                encoders=self._encoders,
                rerankers=self.rerankers,
                pictures=self.pictures,
                once=once,
            )
        )

    @contextmanager
    def indexer(self, progress: ProgressListener, options: IndexOptions) -> Iterator[Indexer]:
        """An indexer in the space that the settings ask for, which is registered."""
        from mmsearch.engine.indexer import Indexer, IndexerParts

        # The models first: a misspelt name is not to leave an empty index behind.
        space = self._space_to_index()
        projection = self.rerankers.projection_to_index(space, wanted=options.rerank_features)
        with self.catalogues.lease(create=True) as catalogue:
            replaces_default = becomes_default(catalogue, space)
            catalogue.add_space(space)
            if replaces_default:
                catalogue.set_default_space(space.key)
            run = self._embedding_run(catalogue, space, projection, progress)
            parts = IndexerParts(
                catalogue=catalogue,
                space=space,
                projection=projection,
                embed=run.embed,
                load=run.load,
                save_vectors=lambda: self._save_vectors(catalogue, space),
                is_final=lambda failure: not options.retry_failed and self._holds(failure),
                progress=progress,
            )
            yield Indexer(parts)

    @contextmanager
    def migration(
        self, progress: ProgressListener, options: MigrationOptions
    ) -> Iterator[Migration]:
        """What embeds all there is for another model, whose space is registered.

        Raises:
            ModelError: There is no such model.
            CatalogueError: There is no index yet.
        """
        from mmsearch.engine.upkeep.model_change import EmbeddingSink, Migration, MigrationParts

        space = self._models.space(options.model)
        projection = self.rerankers.projection_to_index(space)
        with self.catalogues.lease() as catalogue:
            catalogue.add_space(space)
            sink = EmbeddingSink(catalogue)
            run = self._embedding_run(sink, space, projection, progress)
            parts = MigrationParts(
                catalogue=catalogue,
                space=space,
                projection=projection,
                sink=sink,
                run=run,
                save_vectors=lambda: self._save_vectors(catalogue, space),
            )
            yield Migration(parts)

    def roll_back(self) -> RollbackReport:
        """Make the space before the present default the default again."""
        from mmsearch.engine.upkeep.model_return import roll_back

        with self.catalogues.lease() as catalogue:
            return roll_back(catalogue, self._models, self.settings.index)

    def pictures(self) -> PictureReader:
        """What reads single pictures: this process, or workers where the library is to serve."""
        return self._pictures.get(None, self._start_pictures)

    def facets(self) -> Facets:
        """The catalogue's facets, counted once a generation."""
        with self.catalogues.lease() as catalogue:
            return self._facets.get_or_make(catalogue.generation, catalogue.facets)

    def close(self) -> None:
        """Close the catalogue and the worker processes, and forget what was read of the index.

        Models belong to no catalogue and stay, for the next question or as long as the library.
        """
        for pictures in self._pictures.clear():
            pictures.close()
        self.catalogues.close()
        self.questions.clear()
        self._facets = Recent(1)  # a restored catalogue counts its generations from an older one

    @cached_property
    def _limits(self) -> DecodeLimits:
        from mmsearch.media.decode_limits import limits_of

        return limits_of(self.settings)

    def _holds(self, failure: KnownFailure) -> bool:
        """Whether a file that failed would surely fail again within the limits of now."""
        from mmsearch.media.reading import is_about_reading
        from mmsearch.media.refusals import is_lifted

        return not (is_about_reading(failure.reason) or is_lifted(failure.reason, self._limits))

    def _save_vectors(self, catalogue: Catalogue, space: Space) -> None:
        """Bring the vector files of a space up to the catalogue, and that into its file."""
        from mmsearch.engine.vector_files import save_vectors

        save_vectors(catalogue, self.settings.index_dir, space)
        catalogue.checkpoint()

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

    def _indexed_pixels(self, media: MediaRecord, spec: InputSpec) -> NDArray[np.uint8]:
        """The pixels of a file, which are those it was indexed with."""
        from mmsearch.engine.originals import indexed_bytes

        return self.pictures().pixels(indexed_bytes(media, self._limits), spec)

    def _embedding_run(
        self,
        sink: BatchSink,
        space: Space,
        projection: RegionProjection | None,
        progress: ProgressListener,
    ) -> EmbeddingRun:
        """How a run embeds, and gives regions where there is a projection."""
        from mmsearch.engine.embedding_run import EmbeddingRun

        return EmbeddingRun(
            settings=self.settings,
            processes=self._processes,
            limits=lambda: self._limits,
            sink=sink,
            space=space,
            encoder=self._run_encoder(space, projection),
            progress=progress,
        )

    def _run_encoder(self, space: Space, projection: RegionProjection | None) -> RunEncoder:
        """One encoder for all that a run embeds, captions too."""
        from mmsearch.engine.embedding_run import RunEncoder

        if projection is None:
            return RunEncoder(
                load=lambda: self._encoders.get(space),
                load_regions=None,
                is_loaded=lambda: self._encoders.holds(space),
            )

        def load() -> RegionEncoder:
            return self._encoders.with_regions(space, projection)

        return RunEncoder(load, load, lambda: self._encoders.holds(space, projection))
