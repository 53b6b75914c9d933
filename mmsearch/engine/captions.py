"""Attaches captions to indexed files, and embeds the text corpus."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmsearch.catalogue import CaptionEntry, Catalogue, KnownFile
from mmsearch.errors import DatasetError

if TYPE_CHECKING:
    from mmsearch.datasets import CaptionData
    from mmsearch.engine.progress import ProgressListener
    from mmsearch.protocols import DualEncoder
    from mmsearch.types import Space

_ENTRIES_A_BATCH = 5000
_TEXTS_A_BATCH = 256


class FileLookup:
    """Finds the indexed file that a caption file means by a name or a relative path."""

    def __init__(self, files: Iterable[tuple[Path, KnownFile]]) -> None:
        """Take all indexed files, each with the path of its root."""
        self._by_name: defaultdict[bytes, list[tuple[Path, KnownFile]]] = defaultdict(list)
        for root, file in files:
            self._by_name[file.relative.rpartition(b"/")[2]].append((root, file))

    def find(self, name: str) -> int | None:
        """The media id of the file `name` means, None if there is none or no single one.

        Asked in this order: the very path; a path that ends so; the bare name. Several files
        of equal bytes count as one, the lowest id.
        """
        wanted = os.fsencode(name.replace("\\", "/").removeprefix("./"))
        candidates = self._by_name.get(wanted.rpartition(b"/")[2], [])
        for fits in (_is_exactly, _ends_with, _is_any):
            found = [file for root, file in candidates if fits(wanted, root, file.relative)]
            if found:
                one_picture = len({file.content_id for file in found}) == 1
                return min(file.media_id for file in found) if one_picture else None
        return None


def add_captions(catalogue: Catalogue, data: CaptionData, lookup: FileLookup) -> tuple[int, int]:
    """How many captions were new, and how many name a picture that is not indexed."""
    added = unmatched = 0
    entries: list[CaptionEntry] = []
    for item in data.items:
        media_id = None if item.file is None else lookup.find(item.file)
        if item.file is not None and media_id is None:
            unmatched += len(item.captions)
            continue
        texts = (text.strip() for text in item.captions)
        entries += [CaptionEntry(text, media_id, source=data.name) for text in texts if text]
    for start in range(0, len(entries), _ENTRIES_A_BATCH):
        added += catalogue.add_captions(entries[start : start + _ENTRIES_A_BATCH]).added
    return added, unmatched


def embed_captions(
    catalogue: Catalogue,
    space: Space,
    load: Callable[[], DualEncoder],
    progress: ProgressListener,
) -> int:
    """How many captions were embedded: all that had no embedding in `space`."""
    waiting = catalogue.captions_without_embedding(space, limit=1)
    if not waiting:
        return 0
    total = _n_without_embedding(catalogue, space)
    encoder = load()
    done = 0
    progress.on_captions(done, total)
    while batch := catalogue.captions_without_embedding(space, limit=_TEXTS_A_BATCH):
        embeddings = encoder.encode_texts([caption.text for caption in batch])
        ids = np.array([caption.caption_id for caption in batch], dtype=np.int64)
        catalogue.put_caption_embeddings(space, ids, embeddings)
        done += len(batch)
        progress.on_captions(done, max(done, total))
    return done


def read_caption_files(paths: Sequence[Path]) -> list[CaptionData]:
    """The captions of all files, read before anything is changed.

    Raises:
        DatasetError: A file is missing or not understood.
    """
    from mmsearch.datasets import read_captions

    for path in paths:
        if not path.is_file():
            raise DatasetError(f"no caption file at {path}: check the path")
    return [read_captions(path) for path in paths]


def _n_without_embedding(catalogue: Catalogue, space: Space) -> int:
    held = [record for record in catalogue.spaces() if record.space.digest == space.digest]
    return catalogue.counts().captions - (held[0].n_captions if held else 0)


def _is_exactly(wanted: bytes, root: Path, relative: bytes) -> bool:
    return relative == wanted or os.fsencode(root) + b"/" + relative == wanted


def _ends_with(wanted: bytes, _root: Path, relative: bytes) -> bool:
    return relative.endswith(b"/" + wanted)


def _is_any(_wanted: bytes, _root: Path, _relative: bytes) -> bool:
    return True
