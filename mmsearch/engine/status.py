"""What an index holds, in numbers; what it knows of one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.engine.records import LibraryStatus, MediaInfo, RootStatus, SpaceStatus
from mmsearch.engine.scopes import real_path
from mmsearch.engine.vector_files import vector_file_statuses, vector_size_bytes
from mmsearch.errors import QueryError
from mmsearch.runtime.presence import folder_is_there, shown_size

if TYPE_CHECKING:
    from mmsearch.catalogue import Catalogue
    from mmsearch.config import Settings
    from mmsearch.types import MediaRecord


def library_status(catalogue: Catalogue, settings: Settings) -> LibraryStatus:
    """Counts, roots, spaces and sizes; whether a root is online is looked up now."""
    counts = catalogue.counts()
    folder = settings.index_dir
    previous = catalogue.previous_space()
    spaces = tuple(
        SpaceStatus(
            space=record.space,
            is_default=record.is_default,
            n_images=record.n_images,
            n_captions=record.n_captions,
            vectors_size_bytes=vector_size_bytes(folder, record.space),
            n_with_regions=record.n_with_regions,
            vectors=vector_file_statuses(folder, record.space),
            is_previous=record.space == previous,
        )
        for record in catalogue.spaces()
    )
    n_files = catalogue.files_by_root()
    roots = tuple(
        RootStatus(
            path=root.path,
            online=root.online and folder_is_there(root.path),
            n_files=n_files.get(root.root_id, 0),
        )
        for root in catalogue.roots()
    )
    return LibraryStatus(
        index=settings.index,
        path=folder,
        n_files=counts.files,
        n_contents=counts.contents,
        n_captions=counts.captions,
        n_failed=counts.failures,
        catalogue_size_bytes=_size_bytes(catalogue.path),
        vectors_size_bytes=sum(space.vectors_size_bytes for space in spaces),
        roots=roots,
        spaces=spaces,
    )


def media_info(catalogue: Catalogue, path: Path | str) -> MediaInfo:
    """All that is known of the file at `path`.

    Raises:
        QueryError: The file is neither indexed nor recorded as failed.
    """
    place = real_path(path)
    media = catalogue.media_at(place)
    if media is not None:
        return _info_of(catalogue, media)
    failure = catalogue.failure_at(place)
    if failure is None:
        raise QueryError(f"{place} is not indexed: add it with 'mmsearch index {place}'")
    return MediaInfo(place, None, failure, _root(catalogue, place))


def media_info_by_id(catalogue: Catalogue, media_id: int) -> MediaInfo:
    """All that is known of a catalogued file.

    Raises:
        QueryError: There is no such file.
    """
    return _info_of(catalogue, media_by_id(catalogue, media_id))


def media_by_id(catalogue: Catalogue, media_id: int) -> MediaRecord:
    """A catalogued file.

    Raises:
        QueryError: There is no such file.
    """
    media = catalogue.media(media_id)
    if media is None:
        raise QueryError(f"there is no picture with media id {media_id}: it may have been removed")
    return media


def _info_of(catalogue: Catalogue, media: MediaRecord) -> MediaInfo:
    content_id, spaces = media.content_id, catalogue.known_spaces()
    return MediaInfo(
        path=media.path,
        media=media,
        failure=catalogue.failure_at(media.path),
        root=_root(catalogue, media.path),
        captions=tuple(catalogue.captions_of_media([media.media_id])),
        copies=tuple(
            copy
            for copy in catalogue.media_of_content(content_id)
            if copy.media_id != media.media_id
        ),
        spaces=tuple(space for space in spaces if catalogue.has_embedding(space, content_id)),
        region_spaces=tuple(space for space in spaces if catalogue.has_regions(space, content_id)),
    )


def _root(catalogue: Catalogue, path: Path) -> Path | None:
    root = catalogue.cover_root(path)
    return None if root is None else root.path


def _size_bytes(catalogue_file: Path) -> int:
    """The catalogue with its write-ahead log."""
    files = (catalogue_file.with_name(catalogue_file.name + end) for end in ("", "-wal", "-shm"))
    return sum(shown_size(file) for file in files)
