"""Which reranker belongs to a space, and where it is loaded from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mmsearch.engine.once import Once
from mmsearch.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from mmsearch.config import Settings
    from mmsearch.protocols import CrossEncoder
    from mmsearch.rerank import RerankerSource
    from mmsearch.types import Space

RERANKER_FOLDER = "reranker"
"""Where a dual encoder's model directory holds the reranker trained for it."""


class Rerankers(Protocol):
    """Where rerankers come from, by the space whose hits they reorder."""

    def for_space(self, space: Space) -> RerankerSource | None:
        """The reranker of a space, told without loading it; None where it has none."""

    def load(self, source: RerankerSource) -> CrossEncoder:
        """The cross encoder of a reranker."""


class NoRerankers:
    """No reranker for any space."""

    def for_space(self, space: Space) -> RerankerSource | None:  # noqa: ARG002 - the protocol's
        """None."""
        return None

    def load(self, source: RerankerSource) -> CrossEncoder:
        """What cannot be: there is none.

        Raises:
            ModelError: Always.
        """
        raise ModelError(f"no reranker is used here: not that in {source.directory} either")


class RerankerModels:
    """The rerankers of `mmsearch.rerank`, each looked up once."""

    def __init__(self, settings: Settings, *, once: bool = False) -> None:
        """Take where they run, and whether they are asked `once` only."""
        self._settings = settings
        self._once = once
        self._sources: Once[str, RerankerSource | None] = Once()

    def for_space(self, space: Space) -> RerankerSource | None:
        """The reranker that the settings name, else the one that `space`'s model brings.

        A reranker reads the features of one model: one that was trained on another is none of
        this space, and is refused where the settings name it.

        Raises:
            ModelError: The one named is none, is damaged, or is of another model.
        """
        return self._sources.get(space.digest, lambda: self._look_up(space))

    def load(self, source: RerankerSource) -> CrossEncoder:
        """The cross encoder of a reranker, on the device of the settings.

        Raises:
            ModelError: It cannot be read or run here.
        """
        from mmsearch.rerank import CrossEncoderOptions, load_cross_encoder

        options = CrossEncoderOptions(
            cache_dir=self._settings.cache,
            device=self._settings.device,
            precision=self._settings.precision,
            parallel=1 if self._once else None,
        )
        return load_cross_encoder(source, options)

    def _look_up(self, space: Space) -> RerankerSource | None:
        from mmsearch.encoders import resolve_model
        from mmsearch.rerank import find_reranker

        if self._settings.reranker is not None:
            return _named(self._settings.reranker, space)
        directory = resolve_model(space.name, self._settings.cache).directory
        source = find_reranker(directory / RERANKER_FOLDER)
        if source is None or source.space_digest != space.digest:
            return None
        return _whole(source, space)


def _named(directory: Path, space: Space) -> RerankerSource:
    """The reranker in a directory, for `space`."""
    from mmsearch.rerank import find_reranker

    source = find_reranker(directory)
    if source is None:
        raise ModelError(
            f"{directory} is no reranker: name a directory that holds reranker.json, "
            "as 'mmsearch train-reranker' writes it"
        )
    if source.space_digest != space.digest:
        raise ModelError(
            f"the reranker in {directory} was trained on another model than '{space.name}': "
            "index with that model, or name another reranker"
        )
    return _whole(source, space)


def _whole(source: RerankerSource, space: Space) -> RerankerSource:
    """`source`, whose bank must hold embeddings of `space`."""
    for rows in (source.bank.texts, source.bank.images):
        if len(rows) and rows.shape[1] != space.dim:
            raise ModelError(
                f"the reranker in {source.directory} holds embeddings of {rows.shape[1]} numbers, "
                f"model '{space.name}' has {space.dim}: give a complete directory"
            )
    return source
