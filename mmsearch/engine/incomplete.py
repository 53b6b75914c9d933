"""Known pictures that lack something in a space, as files to read again."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from mmsearch.engine.diff import Need, PendingFile
from mmsearch.engine.pipeline import is_gone

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue, PendingContent
    from mmsearch.rerank_types import RegionProjection
    from mmsearch.types import Space


def incomplete_contents(
    catalogue: Catalogue, space: Space, projection: RegionProjection | None
) -> Iterator[tuple[Need, PendingContent]]:
    """Pictures on line that a space does not embed yet, and those it has no regions of."""
    for content in catalogue.contents_without_embedding(space):
        yield Need.EMBEDDING, content
    if projection is not None:
        for content in catalogue.contents_without_regions(space, projection):
            yield Need.REGIONS, content


def file_to_read(
    catalogue: Catalogue,
    need: Need,
    content: PendingContent,
    skipped: Collection[tuple[int, bytes]],
) -> PendingFile | None:
    """The oldest file of such a picture that is there and not `skipped`; None where none is.

    `skipped` are places, by root and relative path, that are read for another reason or failed.
    """
    for place in _places(catalogue, content):
        if (place.root_id, place.relative) not in skipped and not is_gone(place.path):
            return file_of(need, place)
    return None


def _places(catalogue: Catalogue, content: PendingContent) -> Iterator[PendingContent]:
    """Where a picture is catalogued; most often the first place will do."""
    yield content
    yield from catalogue.pending_copies(content.content_id)


def file_of(need: Need, content: PendingContent) -> PendingFile:
    """The file to read such a picture from."""
    return PendingFile(
        need=need,
        root_id=content.root_id,
        relative=content.relative,
        path=content.path,
        size_bytes=content.size_bytes,
        mtime_ns=content.mtime_ns,
    )
