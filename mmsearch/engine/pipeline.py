"""From files to committed embeddings and regions: decoding, encoding, committing overlap.

Worker processes decode ahead, one thread encodes, the calling thread gathers pictures into
batches and commits what the encoder gives back, one transaction a batch. At most two batches
and the pool's look-ahead are in memory, whatever the number of files.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from mmsearch.engine.diff import Need, PendingFile
from mmsearch.errors import MediaError

if TYPE_CHECKING:
    from mmsearch.catalogue import BatchResult, CatalogueBatch, FailureEntry, FileEntry
    from mmsearch.engine.progress import ProgressListener
    from mmsearch.engine.tally import Tally
    from mmsearch.media.pool import DecodedFile, DecodeJob
    from mmsearch.protocols import DualEncoder, RegionEncoder
    from mmsearch.rerank_types import RegionCodes, RegionProjection
    from mmsearch.types import Embeddings, ImageTensor, Space

_MAX_IN_FLIGHT = 1
"""Batches at the encoder while the next one gathers; more would only hold memory."""
_FAILURES_A_BATCH = 256
"""A run of bad files is committed this often though no picture fills a batch."""


class Decoder(Protocol):
    """What the pipeline needs of the decode pool."""

    def decode(self, jobs: Iterable[DecodeJob], look_ahead: int) -> Iterator[DecodedFile]:
        """The decoded files, in any order."""


class BatchSink(Protocol):
    """Where batches are committed."""

    def apply(self, batch: CatalogueBatch) -> BatchResult:
        """Commit a batch in one transaction."""


@dataclass(frozen=True, slots=True)
class PipelineParts:
    """What a pipeline is made of; `load` gives the encoder and is called in its thread.

    With `load_regions` that encoder is taken, and pictures get their region features too.
    """

    decoder: Decoder
    sink: BatchSink
    space: Space
    load: Callable[[], DualEncoder]
    batch_size: int
    look_ahead: int
    load_regions: Callable[[], RegionEncoder] | None = None


@dataclass(frozen=True, slots=True)
class _Encoded:
    """What the encoder gave for a batch: a row a picture; regions where they are wanted."""

    embeddings: Embeddings
    codes: RegionCodes | None = None
    projection: RegionProjection | None = None


_Encode: TypeAlias = "Callable[[ImageTensor], _Encoded]"


@dataclass(slots=True)
class _Batch:
    """Decoded files on their way into one transaction; `pictures` index into `files`."""

    files: list[tuple[PendingFile, DecodedFile]] = field(default_factory=list)
    pictures: list[int] = field(default_factory=list)

    def images(self) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
        found = (self.files[index][1].pixels for index in self.pictures)
        return [pixels for pixels in found if pixels is not None]


class EmbeddingPipeline:
    """Embeds files and commits them as it goes; a Ctrl-C loses nothing that was decoded."""

    def __init__(self, parts: PipelineParts, tally: Tally, progress: ProgressListener) -> None:
        self._parts = parts
        self._tally = tally
        self._progress = progress
        self._gathering = _Batch()
        self._in_flight: deque[tuple[_Batch, Future[_Encoded]]] = deque()
        self._digests: set[str] = set()
        self._done = self._bad = 0

    def run(self, files: Sequence[PendingFile]) -> None:
        """Embed and commit `files`.

        Raises:
            KeyboardInterrupt: Ctrl-C; what had been decoded by then is committed.
            MediaError: No decode worker can be started; likewise.
            ModelError: The encoder cannot be loaded or fails; earlier batches are committed.
        """
        from mmsearch.media.pool import DecodeJob

        self._progress.on_progress(0, len(files), 0)
        jobs = (DecodeJob(key, file.path) for key, file in enumerate(files))
        started = time.perf_counter()
        with ThreadPoolExecutor(1, thread_name_prefix="encode") as thread:
            encode = thread.submit(self._load)  # while the first pictures are decoded
            try:
                for decoded in self._parts.decoder.decode(jobs, self._parts.look_ahead):
                    self._gather(files[decoded.key], decoded)
                    if self._is_full():
                        self._send(thread, encode)
                        self._commit_down_to(_MAX_IN_FLIGHT, len(files))
            except (KeyboardInterrupt, MediaError):
                self._finish(thread, encode, len(files))
                raise
            else:
                self._finish(thread, encode, len(files))
            finally:
                self._tally.embedding_s += time.perf_counter() - started

    def _gather(self, file: PendingFile, decoded: DecodedFile) -> None:
        """Add a file to the batch; equal bytes met before in this run are not encoded again."""
        batch = self._gathering
        if decoded.pixels is not None and decoded.digest not in self._digests:
            self._digests.add(decoded.digest)
            batch.pictures.append(len(batch.files))
        elif decoded.pixels is None and is_gone(file.path):
            self._done += 1
            return
        batch.files.append((file, decoded))

    def _is_full(self) -> bool:
        batch = self._gathering
        n_others = len(batch.files) - len(batch.pictures)
        return len(batch.pictures) >= self._parts.batch_size or n_others >= _FAILURES_A_BATCH

    def _send(self, thread: ThreadPoolExecutor, encode: Future[_Encode]) -> None:
        """Hand the gathered batch to the encoder."""
        batch, self._gathering = self._gathering, _Batch()
        if batch.files:
            self._in_flight.append((batch, thread.submit(self._encode, batch, encode)))

    def _finish(self, thread: ThreadPoolExecutor, encode: Future[_Encode], total: int) -> None:
        self._send(thread, encode)
        self._commit_down_to(0, total)

    def _load(self) -> _Encode:
        """The encoder's work on the pictures of a batch."""
        if self._parts.load_regions is None:
            encoder = self._parts.load()
            return lambda images: _Encoded(encoder.encode_images(images))
        with_regions = self._parts.load_regions()
        return lambda images: _Encoded(
            *with_regions.encode_with_regions(images), with_regions.projection
        )

    def _encode(self, batch: _Batch, encode: Future[_Encode]) -> _Encoded:
        images = batch.images()
        if not images:
            return _Encoded(np.zeros((0, self._parts.space.dim), np.float32))
        return encode.result()(np.stack(images))

    def _commit_down_to(self, n_left: int, total: int) -> None:
        """Commit finished batches, oldest first, until `n_left` are at the encoder."""
        while len(self._in_flight) > n_left:
            batch, encoded = self._in_flight[0]
            self._commit(batch, encoded.result())
            self._in_flight.popleft()
            self._done += len(batch.files)
            self._bad += sum(decoded.pixels is None for _, decoded in batch.files)
            self._tally.embedded += len(batch.pictures)
            self._progress.on_progress(self._done, total, self._bad)

    def _commit(self, batch: _Batch, encoded: _Encoded) -> None:
        for root_batch, n_reembedded in _root_batches(batch, encoded, self._parts.space):
            self._tally.count(self._parts.sink.apply(root_batch), n_reembedded)


def _root_batches(
    batch: _Batch, encoded: _Encoded, space: Space
) -> Iterator[tuple[CatalogueBatch, int]]:
    """One catalogue batch a root, and how many of its files were embedded anew, bytes unchanged."""
    from mmsearch.catalogue import CatalogueBatch

    row_of = {index: row for row, index in enumerate(batch.pictures)}
    for root_id in dict.fromkeys(file.root_id for file, _ in batch.files):
        entries: list[FileEntry] = []
        failures: list[FailureEntry] = []
        removals: list[int] = []
        n_reembedded = 0
        for index, (file, decoded) in enumerate(batch.files):
            if file.root_id != root_id:
                continue
            if decoded.pixels is None:
                failures.append(_failure(file, decoded))
                changed = file.need is Need.CHANGED and not decoded.is_unread
                if changed and file.media_id is not None:
                    removals.append(file.media_id)  # its old bytes are gone
                continue
            entries.append(_entry(file, decoded, encoded, row_of.get(index)))
            n_reembedded += file.need is Need.EMBEDDING and file.mtime_ns == decoded.mtime_ns
        yield (
            CatalogueBatch(
                root_id=root_id,
                files=tuple(entries),
                removals=tuple(removals),
                failures=tuple(failures),
                space=space,
                projection=encoded.projection,
            ),
            n_reembedded,
        )


def _entry(
    file: PendingFile, decoded: DecodedFile, encoded: _Encoded, row: int | None
) -> FileEntry:
    """The entry of a decoded file, stamped with the stat of the bytes that were decoded.

    `row` is its place in the encoded batch, None where equal bytes were encoded before.
    """
    from mmsearch.catalogue import FileEntry

    codes = encoded.codes
    return FileEntry(
        relative=file.relative,
        size_bytes=decoded.size_bytes,
        mtime_ns=decoded.mtime_ns,
        digest=decoded.digest,
        metadata=decoded.metadata,
        embedding=None if row is None else encoded.embeddings[row],
        regions=None if row is None or codes is None else codes[row],
    )


def _failure(file: PendingFile, decoded: DecodedFile) -> FailureEntry:
    """The failure, stamped with the stat of the bytes that failed: a later change shows there.

    Of a file that could not even be read the stat of the scan is all there is.
    """
    from mmsearch.catalogue import FailureEntry

    was_read = bool(decoded.digest)
    return FailureEntry(
        relative=file.relative,
        size_bytes=decoded.size_bytes if was_read else file.size_bytes,
        mtime_ns=decoded.mtime_ns if was_read else file.mtime_ns,
        reason=decoded.error or "unreadable",
    )


def is_gone(path: Path) -> bool:
    """Whether a file vanished since it was seen: that is no failure, the next run sees it."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
