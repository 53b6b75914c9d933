"""Wires the parts: the one place that knows which catalogue, vectors, models and pool are used."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mmsearch.engine.library import Library
from mmsearch.engine.model_choice import becomes_default, space_to_index, space_to_query
from mmsearch.engine.progress import SilentProgress
from mmsearch.errors import CatalogueError, SpaceMismatchError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mmsearch.catalogue import Catalogue
    from mmsearch.config import Settings
    from mmsearch.engine.diff import PendingFile
    from mmsearch.engine.indexer import Indexer
    from mmsearch.engine.model_choice import Models
    from mmsearch.engine.pipeline import Decoder
    from mmsearch.engine.progress import ProgressListener
    from mmsearch.engine.searcher import Searcher, SearchOptions
    from mmsearch.engine.tally import Tally
    from mmsearch.media.limits import DecodeLimits
    from mmsearch.protocols import DualEncoder
    from mmsearch.types import InputSpec, Modality, Space
    from mmsearch.vectors import FaissIndex

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
    settings: Settings, models: Models | None = None, start_pool: StartPool | None = None
) -> Library:
    """The library that `settings` describe.

    `models` and `start_pool` replace the real models and the pool of worker processes in tests.
    """
    return Library(
        Factory(settings, models or EncoderModels(settings), start_pool or _start_decode_pool)
    )


class StartPool(Protocol):
    """How decoders are started."""

    def __call__(
        self, spec: InputSpec, limits: DecodeLimits, workers: int
    ) -> AbstractContextManager[Decoder]:
        """Decoders to `spec`, closed at the end of the `with` block."""


def _start_decode_pool(
    spec: InputSpec, limits: DecodeLimits, workers: int
) -> AbstractContextManager[Decoder]:
    from mmsearch.media.pool import DecodePool

    return DecodePool(spec, limits, workers)


class EncoderModels:
    """The models of `mmsearch.encoders`, each looked up once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._spaces: dict[str, Space] = {}

    def default_name(self) -> str:
        """The model that ships with the package."""
        from mmsearch.config import DEFAULT_MODEL

        return DEFAULT_MODEL

    def space(self, name: str) -> Space:
        """The space of a model, without loading it."""
        if name not in self._spaces:
            from mmsearch.encoders import resolve_model, space_of

            self._spaces[name] = space_of(resolve_model(name, self._settings.cache))
        return self._spaces[name]

    def load(self, name: str) -> DualEncoder:
        """The encoder of a model, on the device of the settings."""
        from mmsearch.encoders import EncoderOptions, load_dual_encoder

        options = EncoderOptions(
            cache_dir=self._settings.cache,
            device=self._settings.device,
            precision=self._settings.precision,
            batch_size=self._settings.batch_size,
        )
        return load_dual_encoder(name, options)


class Factory:
    """Makes and keeps the parts of one library, each when it is first needed."""

    def __init__(self, settings: Settings, models: Models, start_pool: StartPool) -> None:
        self.settings = settings
        self._models = models
        self._start_pool = start_pool
        self._catalogue: Catalogue | None = None
        self._encoders: dict[str, DualEncoder] = {}
        self._vectors: dict[tuple[str, Modality], FaissIndex] = {}

    def has_catalogue(self) -> bool:
        """Whether the index exists."""
        return self._catalogue_path.is_file()

    def catalogue(self, *, create: bool = False) -> Catalogue:
        """The catalogue of the index.

        Raises:
            CatalogueError: There is none and `create` is False; or it cannot be opened.
        """
        if self._catalogue is None:
            from mmsearch.catalogue import Catalogue

            if not create and not self.has_catalogue():
                raise CatalogueError(
                    f"no index '{self.settings.index}' in {self.settings.home} yet: "
                    "make one with 'mmsearch index PATH'"
                )
            self._catalogue = Catalogue.open(self._catalogue_path, create=create)
        return self._catalogue

    def indexer(self, progress: ProgressListener) -> Indexer:
        """An indexer in the space that the settings ask for, which is registered."""
        from mmsearch.engine.indexer import Indexer, IndexerParts
        from mmsearch.engine.vector_files import save_vectors

        # The model first: a misspelt name is not to leave an empty index behind.
        before = self.catalogue(create=True) if self.has_catalogue() else None
        space = space_to_index(before, self._models, self.settings.model, self.settings.index)
        catalogue = self.catalogue(create=True)
        replaces_default = becomes_default(catalogue, space)
        catalogue.add_space(space)
        if replaces_default:
            catalogue.set_default_space(space.key)

        def load() -> DualEncoder:
            return self._encoder(space, progress)

        def embed(files: Sequence[PendingFile], tally: Tally) -> None:
            self._embed(files, tally, space, progress)

        def save() -> None:
            save_vectors(catalogue, self.settings.index_dir, space)
            catalogue.checkpoint()

        parts = IndexerParts(catalogue, space, embed, load, save, progress)
        return Indexer(parts)

    def searcher(self, options: SearchOptions) -> Searcher:
        """A searcher in the space that the settings ask for."""
        from mmsearch.engine.searcher import Searcher, SearcherParts

        catalogue = self.catalogue()
        space = space_to_query(catalogue, self._models, self.settings.model, self.settings.index)
        parts = SearcherParts(
            catalogue=catalogue,
            space=space,
            load_encoder=lambda: self._encoder(space, SilentProgress()),
            load_vectors=lambda modality: self._open_vectors(space, modality),
            decode=lambda path: self._decode(path, space.input),
        )
        return Searcher(parts, options)

    def close(self) -> None:
        """Close the catalogue and drop what is kept."""
        if self._catalogue is not None:
            self._catalogue.close()
        self._catalogue = None
        self._encoders.clear()
        self._vectors.clear()

    @property
    def _catalogue_path(self) -> Path:
        return self.settings.index_dir / CATALOGUE_NAME

    @property
    def _limits(self) -> DecodeLimits:
        from mmsearch.media.limits import DecodeLimits

        return DecodeLimits(
            max_pixels=int(self.settings.max_megapixels * 1e6),
            timeout_s=self.settings.decode_timeout_s,
            memory_mb=self.settings.decode_memory_mb,
        )

    def _decode(self, path: Path, spec: InputSpec) -> NDArray[np.uint8]:
        """The pixels of one picture, decoded here: no worker is started for a query."""
        from mmsearch.media.decode import decode_file

        return decode_file(path, spec, self._limits).pixels

    def _encoder(self, space: Space, progress: ProgressListener) -> DualEncoder:
        """The encoder of `space`, loaded once."""
        if space.digest not in self._encoders:
            progress.on_model(space.name)
            encoder = self._models.load(space.name)
            if encoder.space.digest != space.digest:
                raise SpaceMismatchError(
                    f"the weights of model '{space.name}' changed just now: run the command again"
                )
            self._encoders[space.digest] = encoder
        return self._encoders[space.digest]

    def _embed(
        self,
        files: Sequence[PendingFile],
        tally: Tally,
        space: Space,
        progress: ProgressListener,
    ) -> None:
        """Run the pipeline over `files` with a pool of its own."""
        from mmsearch.engine.pipeline import EmbeddingPipeline, PipelineParts

        workers = min(self.settings.decode_workers, len(files))
        batch_size = self.settings.batch_size
        if space.digest not in self._encoders:
            progress.on_model(space.name)
        with self._start_pool(space.input, self._limits, workers) as pool:
            parts = PipelineParts(
                decoder=pool,
                sink=self.catalogue(),
                space=space,
                load=lambda: self._encoder(space, SilentProgress()),
                batch_size=batch_size,
                look_ahead=_LOOK_AHEAD_BATCHES * batch_size + _LOOK_AHEAD_A_WORKER * workers,
            )
            EmbeddingPipeline(parts, tally, progress).run(files)

    def _open_vectors(self, space: Space, modality: Modality) -> FaissIndex:
        """The vectors of `space`, level with the catalogue; safe in a thread of its own."""
        from mmsearch.catalogue import Catalogue
        from mmsearch.engine.vector_files import open_vectors

        with Catalogue.open(self._catalogue_path) as catalogue:
            known = self._vectors.get((space.digest, modality))
            if known is None:
                known = open_vectors(catalogue, self.settings.index_dir, space, modality)
                self._vectors[(space.digest, modality)] = known
            else:
                known.catch_up(catalogue.source(space, modality))
            return known
