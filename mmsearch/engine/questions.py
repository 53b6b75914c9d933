"""Who answers questions: a searcher in the space that is the default when it is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from mmsearch.engine.model_choice import SpaceLeftError, space_to_query
from mmsearch.engine.once import Once
from mmsearch.errors import MmsearchError

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue
    from mmsearch.config import Settings
    from mmsearch.engine.catalogues import Catalogues
    from mmsearch.engine.corpora import Corpus
    from mmsearch.engine.model_choice import Models
    from mmsearch.engine.request import QueryRequest
    from mmsearch.engine.retrieval import Retriever
    from mmsearch.engine.searcher import Searcher
    from mmsearch.engine.space_encoders import SpaceEncoders
    from mmsearch.engine.space_rerankers import SpaceRerankers
    from mmsearch.media.pictures import PictureReader
    from mmsearch.protocols import DualEncoder, VectorIndex
    from mmsearch.rerank import RerankerSource
    from mmsearch.types import CaptionRecord, MediaRecord, Space

Row = TypeVar("Row")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class QuestionParts:
    """What questions are answered with; `pictures` gives what reads single pictures.

    `once`: there will be one question, for which vectors need not be made ready to be fast.
    """

    settings: Settings
    catalogues: Catalogues
    models: Models
    encoders: SpaceEncoders
    rerankers: SpaceRerankers
    pictures: Callable[[], PictureReader]
    once: bool = False


class Questions:
    """Answers each question from one space only; thread-safe.

    Which one that is, is looked up for each: another process may make another one the default.
    """

    def __init__(self, parts: QuestionParts) -> None:
        self._parts = parts
        self._pictures: Once[str, Retriever[MediaRecord]] = Once()
        self._captions: Once[str, Retriever[CaptionRecord]] = Once()

    def ask(
        self, work: Callable[[Searcher], Result], request: QueryRequest | None = None
    ) -> Result:
        """What `work` finds with the searcher of a request, in the space that is the one to ask.

        That is looked at in the very state that the answer is from: where it is another one by
        then, the question is asked again. So it is where the space was dropped meanwhile, though
        it may have come back, and where an error may come of a change.
        """
        prepared_in = None if request is None else request.prepared_in
        while True:
            with self._parts.catalogues.lease() as catalogue:
                space = self.space(catalogue, prepared_in)
                added_in = catalogue.added_in(space)
                try:
                    result = work(self._searcher(catalogue, space))
                except SpaceLeftError:
                    continue
                except MmsearchError:
                    stayed = catalogue.added_in(space) == added_in
                    if stayed and self.space(catalogue, prepared_in) == space:
                        raise
                else:
                    if catalogue.added_in(space) == added_in:
                        return result

    def space(self, catalogue: Catalogue, prepared: str | None = None) -> Space:
        """The space that questions are asked in now, as `space_to_query` has it."""
        settings = self._parts.settings
        return space_to_query(
            catalogue, self._parts.models, settings.model, settings.index, prepared
        )

    def reranker(self) -> RerankerSource | None:
        """The reranker of the space that questions are asked in."""
        with self._parts.catalogues.lease() as catalogue:
            return self._parts.rerankers.source(self.space(catalogue))

    def clear(self) -> None:
        """Let go of the vectors."""
        self._pictures.clear()
        self._captions.clear()

    def _searcher(self, catalogue: Catalogue, space: Space) -> Searcher:
        """A searcher in one space, for the calling thread."""
        from mmsearch.engine.corpora import Captions, Pictures
        from mmsearch.engine.searcher import Searcher, SearcherParts

        parts = self._parts
        return Searcher(
            SearcherParts(
                catalogue=catalogue,
                space=space,
                load_encoder=lambda: parts.encoders.shared(space),
                everyday=lambda: parts.encoders.everyday(space),
                pixels=lambda source: parts.pictures().pixels(source, space.input),
                pictures=self._retriever(space, Pictures(), self._pictures),
                captions=self._retriever(space, Captions(), self._captions),
                reranker=lambda: parts.rerankers.get(space),
            )
        )

    def _retriever(
        self, space: Space, corpus: Corpus[Row], known: Once[str, Retriever[Row]]
    ) -> Retriever[Row]:
        """What searches a corpus in `space`, following the catalogue."""

        def make() -> Retriever[Row]:
            from mmsearch.engine.retrieval import Retriever, RetrieverParts
            from mmsearch.engine.vector_files import open_vectors, open_vectors_once

            def load_index(catalogue: Catalogue) -> VectorIndex:
                load = open_vectors_once if self._parts.once else open_vectors
                return load(catalogue, self._parts.settings, space, corpus.modality)

            def load_encoder() -> DualEncoder:
                return self._parts.encoders.shared(space)

            return Retriever(
                RetrieverParts(
                    catalogues=self._parts.catalogues,
                    space=space,
                    corpus=corpus,
                    space_to_ask=self.space,
                    load_encoder=load_encoder,
                    load_index=load_index,
                )
            )

        return known.get(space.digest, make)
