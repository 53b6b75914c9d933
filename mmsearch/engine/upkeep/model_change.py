"""From one model to another while questions go on: embed all beside, then switch in one step.

Nothing that the present default space knows is touched before the switch: a picture whose bytes
have changed is left to `index`, as its old embedding would go. What was embedded stays, so that a
run that was stopped, or killed, is gone on with.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.catalogue import BatchResult
from mmsearch.engine.captions import embed_captions
from mmsearch.engine.diff import Need, PendingFile
from mmsearch.engine.incomplete import file_of, incomplete_contents
from mmsearch.engine.pipeline import is_gone
from mmsearch.engine.tally import Tally
from mmsearch.engine.upkeep.model_records import MigrationReport, MissingPicture

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue, CatalogueBatch, PendingContent
    from mmsearch.engine.embedding_run import EmbeddingRun
    from mmsearch.rerank_types import RegionProjection
    from mmsearch.types import Space


class EmbeddingSink:
    """Commits what was made of known pictures, and remembers why others could not be read."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.n_images = 0
        self.reasons: dict[tuple[int, bytes], str] = {}

    def apply(self, batch: CatalogueBatch) -> BatchResult:
        """Commit the embeddings of a batch; no file is recorded, removed or marked as failed."""
        for failure in batch.failures:
            self.reasons[batch.root_id, failure.relative] = failure.reason
        n_written = self._catalogue.put_embeddings(batch)
        self.n_images += n_written
        return BatchResult(touched=n_written)


@dataclass(frozen=True, slots=True)
class MigrationParts:
    """What a migration works with: `run` embeds into `space` and commits to `sink`.

    `projection` gives the region features that pictures are to have, None: they need none.
    `save_vectors` brings the vector files of `space` up to the catalogue.
    """

    catalogue: Catalogue
    space: Space
    projection: RegionProjection | None
    sink: EmbeddingSink
    run: EmbeddingRun
    save_vectors: Callable[[], None]


class Migration:
    """One run that makes another space the default."""

    def __init__(self, parts: MigrationParts) -> None:
        self._parts = parts
        self._catalogue = parts.catalogue
        self._space = parts.space
        self._tried: set[int] = set()
        self._n_captions = 0

    def run(self, *, partial: bool) -> MigrationReport:
        """What was done; Ctrl-C ends the run early and keeps all that was committed.

        `partial`: switch though some pictures cannot be embedded.

        Raises:
            ModelError: The encoder cannot be loaded or fails.
            CatalogueError, VectorIndexError: Something cannot be written: nothing is switched.
        """
        started = time.perf_counter()
        before = self._catalogue.default_space()
        switches = before is not None and before.digest != self._space.digest
        missing: list[PendingContent] = []
        interrupted = False
        if switches:
            try:
                missing = self._embed_and_switch(partial=partial)
            except KeyboardInterrupt:
                interrupted = True
        after = self._catalogue.default_space()
        return MigrationReport(
            model=self._space.name,
            previous=before.name if switches and before is not None else None,
            n_images=self._parts.sink.n_images,
            n_captions=self._n_captions,
            missing=tuple(self._explained(missing)),
            is_default=after is not None and after.digest == self._space.digest,
            interrupted=interrupted,
            seconds=time.perf_counter() - started,
        )

    def _embed_and_switch(self, *, partial: bool) -> list[PendingContent]:
        """Embed until nothing new comes in, then switch; the pictures that are missing."""
        self._embed_pictures()
        while True:
            self._embed_captions()
            missing = self._lacking()
            if any(content.content_id not in self._tried for content in missing):
                self._embed_pictures()  # another process indexed them meanwhile
                continue
            if missing and not partial:
                return missing
            self._parts.save_vectors()  # before the switch: the first question is not to wait
            besides = {content.content_id for content in missing}
            if self._catalogue.set_default_when_complete(self._space, besides):
                return missing

    def _embed_pictures(self) -> None:
        """Read all pictures that lack something in the new space, each once a run."""
        new = [one for one in self._lacking() if one.content_id not in self._tried]
        self._tried.update(content.content_id for content in new)
        files = [self._file(content) for content in new]
        files += [file_of(need, content) for need, content in self._without_regions()]
        present = [file for file in files if not is_gone(file.path)]
        if present:
            self._parts.run.embed(present, Tally())

    def _embed_captions(self) -> None:
        run = self._parts.run
        self._n_captions += embed_captions(self._catalogue, self._space, run.load, run.progress)

    def _lacking(self) -> list[PendingContent]:
        """All pictures without an embedding in the new space, whether their folder is there."""
        return list(self._catalogue.contents_without_embedding(self._space, offline=True))

    def _without_regions(self) -> list[tuple[Need, PendingContent]]:
        """Pictures that the new space embeds already, but has no regions of."""
        found = incomplete_contents(self._catalogue, self._space, self._parts.projection)
        return [(need, content) for need, content in found if need is Need.REGIONS]

    def _file(self, content: PendingContent) -> PendingFile:
        """Where to read a picture: at its usual place, or where a copy still is."""
        file = file_of(Need.EMBEDDING, content)
        if not is_gone(file.path):
            return file
        copies = (media.path for media in self._catalogue.media_of_content(content.content_id))
        there = next((path for path in copies if not is_gone(path)), file.path)
        return replace(file, path=there)

    def _explained(self, missing: Sequence[PendingContent]) -> Iterable[MissingPicture]:
        """Each picture that is missing, with the reason."""
        roots = {root.root_id: root.path for root in self._catalogue.roots()} if missing else {}
        for content in missing:
            reason = self._parts.sink.reasons.get((content.root_id, content.relative))
            if reason is None:
                reason = _absence(content.path, roots.get(content.root_id))
            yield MissingPicture(content.path, reason)


def _absence(path: Path, root: Path | None) -> str:
    """Why a picture that was not found to be bad has no embedding."""
    if not is_gone(path):
        return "has changed since it was indexed: bring the index up to date with 'mmsearch index'"
    if root is None or is_gone(root):
        return "its folder is offline"
    return "is gone: 'mmsearch index' takes it out of the index"
