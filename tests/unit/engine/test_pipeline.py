"""The pipeline from files to committed batches: order, overlap, failures, interruption."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from mmsearch.catalogue import BatchResult, CatalogueBatch
from mmsearch.engine.diff import Need, PendingFile
from mmsearch.engine.pipeline import EmbeddingPipeline, PipelineParts
from mmsearch.engine.progress import SilentProgress
from mmsearch.engine.tally import Tally
from mmsearch.errors import ModelError
from mmsearch.media.pool import DecodedFile, DecodeJob
from mmsearch.types import Embeddings, ImageTensor, MediaMetadata
from tests.fakes import (
    FAKE_INPUT,
    FAKE_PROJECTION,
    FakeDualEncoder,
    FakeRegionEncoder,
    fake_space,
)

METADATA = MediaMetadata(width=4, height=3, format="PNG")


@dataclass
class Decoder:
    """Decodes nothing: a picture of one colour for each key, errors and digests as told."""

    errors: dict[int, str] = field(default_factory=dict)
    digests: dict[int, str] = field(default_factory=dict)
    before: Callable[[int], None] = lambda key: None
    n_given: int = 0

    def decode(self, jobs: Iterable[DecodeJob], look_ahead: int) -> Iterator[DecodedFile]:
        for job in jobs:
            self.before(job.key)
            self.n_given += 1
            error = self.errors.get(job.key)
            pixels = np.full((FAKE_INPUT.height, FAKE_INPUT.width, 3), job.key % 256, np.uint8)
            yield DecodedFile(
                key=job.key,
                path=job.path,
                digest=self.digests.get(job.key, f"digest {job.key}"),
                size_bytes=100,
                mtime_ns=200,
                pixels=None if error else pixels,
                metadata=None if error else METADATA,
                error=error,
            )


@dataclass
class Sink:
    """Keeps batches instead of committing them."""

    batches: list[CatalogueBatch] = field(default_factory=list)

    def apply(self, batch: CatalogueBatch) -> BatchResult:
        self.batches.append(batch)
        return BatchResult(
            added=len(batch.files), removed=len(batch.removals), failed=len(batch.failures)
        )

    @property
    def relatives(self) -> list[bytes]:
        return [entry.relative for batch in self.batches for entry in batch.files]


class Recorder(SilentProgress):
    """Remembers progress."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int, int]] = []

    def on_progress(self, done: int, total: int, failed: int) -> None:
        self.steps.append((done, total, failed))


@dataclass
class Run:
    """A pipeline with its fakes."""

    decoder: Decoder = field(default_factory=Decoder)
    sink: Sink = field(default_factory=Sink)
    encoder: FakeDualEncoder = field(default_factory=FakeDualEncoder)
    tally: Tally = field(default_factory=Tally)
    progress: Recorder = field(default_factory=Recorder)
    region_encoder: FakeRegionEncoder | None = None

    def __call__(self, files: list[PendingFile], batch_size: int = 4) -> None:
        with_regions = self.region_encoder
        parts = PipelineParts(
            decoder=self.decoder,
            sink=self.sink,
            space=fake_space(),
            load=lambda: self.encoder,
            batch_size=batch_size,
            look_ahead=8,
            load_regions=None if with_regions is None else lambda: with_regions,
        )
        EmbeddingPipeline(parts, self.tally, self.progress).run(files)


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., list[PendingFile]]:
    """Makes files that exist, so that a failure is not taken for a vanished file."""

    def make(count: int, need: Need = Need.NEW, root_id: int = 1) -> list[PendingFile]:
        made = []
        for number in range(count):
            path = tmp_path / f"{number}.png"
            path.touch()
            made.append(PendingFile(need, root_id, path.name.encode(), path, 10, 20, number + 1))
        return made

    return make


def test_every_file_is_committed_with_its_own_embedding(
    files: Callable[..., list[PendingFile]],
) -> None:
    run = Run()
    run(files(10))
    assert sorted(run.sink.relatives) == sorted(f"{n}.png".encode() for n in range(10))
    for batch in run.sink.batches:
        assert batch.space == fake_space()
        for entry in batch.files:
            key = int(entry.relative.partition(b".")[0])
            image = np.full((1, 16, 16, 3), key, np.uint8)
            expected = FakeDualEncoder().encode_images(image)[0]
            assert entry.embedding is not None
            np.testing.assert_array_equal(entry.embedding, expected)


def test_every_file_is_committed_with_its_own_regions(
    files: Callable[..., list[PendingFile]],
) -> None:
    """In the same pass and batch as its embedding; copies come without either."""
    run = Run(Decoder(digests={0: "same", 5: "same"}), region_encoder=FakeRegionEncoder())
    run(files(6))
    assert run.encoder.n_images == 0
    assert run.region_encoder is not None
    assert run.region_encoder.n_with_regions == 5
    for batch in run.sink.batches:
        assert batch.projection is FAKE_PROJECTION
        for entry in batch.files:
            key = int(entry.relative.partition(b".")[0])
            image = np.full((1, 16, 16, 3), key, np.uint8)
            embeddings, codes = FakeRegionEncoder().encode_with_regions(image)
            if key == 5:
                assert entry.embedding is None
                assert entry.regions is None
                continue
            np.testing.assert_array_equal(entry.embedding, embeddings[0])
            np.testing.assert_array_equal(entry.regions, codes[0])


def test_without_a_projection_no_regions_are_committed(
    files: Callable[..., list[PendingFile]],
) -> None:
    run = Run()
    run(files(2))
    assert [batch.projection for batch in run.sink.batches] == [None]
    assert all(entry.regions is None for entry in run.sink.batches[0].files)


def test_batches_are_full_but_the_last(files: Callable[..., list[PendingFile]]) -> None:
    run = Run()
    run(files(10), batch_size=4)
    assert [len(batch.files) for batch in run.sink.batches] == [4, 4, 2]


def test_entries_carry_the_stat_of_the_decoded_bytes(
    files: Callable[..., list[PendingFile]],
) -> None:
    run = Run()
    run(files(1))
    (entry,) = run.sink.batches[0].files
    assert (entry.size_bytes, entry.mtime_ns, entry.metadata) == (100, 200, METADATA)


def test_equal_bytes_are_encoded_once(files: Callable[..., list[PendingFile]]) -> None:
    """Copies in one batch or in a later one are attached without an embedding."""
    run = Run(decoder=Decoder(digests={0: "same", 1: "same", 7: "same"}))
    run(files(8))
    assert run.encoder.n_images == 6
    entries = {entry.relative: entry for batch in run.sink.batches for entry in batch.files}
    assert [entries[f"{n}.png".encode()].embedding is None for n in (0, 1, 7)] == [
        False,
        True,
        True,
    ]
    assert run.tally.embedded == 6


def test_a_file_that_could_not_be_read_is_recorded_with_the_stat_of_the_scan(
    files: Callable[..., list[PendingFile]],
) -> None:
    run = Run(decoder=Decoder(errors={1: "cannot be read: input/output error"}, digests={1: ""}))
    run(files(3))
    (failure,) = run.sink.batches[0].failures
    assert (failure.size_bytes, failure.mtime_ns) == (10, 20)


def test_a_bad_file_is_recorded_with_its_reason_and_the_stat_of_its_bytes(
    files: Callable[..., list[PendingFile]],
) -> None:
    """Not that of the scan: put back as it was then, it is another file."""
    run = Run(decoder=Decoder(errors={1: "truncated"}))
    run(files(3))
    (failure,) = run.sink.batches[0].failures
    assert (failure.relative, failure.reason) == (b"1.png", "truncated")
    assert (failure.size_bytes, failure.mtime_ns) == (100, 200)
    assert (run.tally.failed, run.tally.added, run.tally.removed) == (1, 2, 0)


def test_a_changed_file_that_is_bad_now_loses_its_row(
    files: Callable[..., list[PendingFile]],
) -> None:
    run = Run(decoder=Decoder(errors={1: "truncated"}))
    run(files(3, Need.CHANGED))
    assert run.sink.batches[0].removals == (2,)


def test_an_unchanged_file_that_cannot_be_embedded_keeps_its_row(
    files: Callable[..., list[PendingFile]],
) -> None:
    """Its bytes are as they were: another model's embedding of them still holds."""
    run = Run(decoder=Decoder(errors={1: "truncated"}))
    run(files(3, Need.EMBEDDING))
    assert run.sink.batches[0].removals == ()


def test_a_file_that_vanished_since_the_scan_is_no_failure(
    files: Callable[..., list[PendingFile]],
) -> None:
    run = Run(decoder=Decoder(errors={1: "no such file"}))
    pending = files(3)
    pending[1].path.unlink()
    run(pending)
    assert run.tally.failed == 0
    assert run.progress.steps[-1] == (3, 3, 0)


def test_only_bad_files_are_committed_too(files: Callable[..., list[PendingFile]]) -> None:
    """A long run of bad files does not pile up until a picture turns up."""
    run = Run(decoder=Decoder(errors=dict.fromkeys(range(600), "bad")))
    run(files(600))
    assert [len(batch.failures) for batch in run.sink.batches] == [256, 256, 88]
    assert run.encoder.n_images == 0


def test_files_of_two_roots_are_committed_apart(files: Callable[..., list[PendingFile]]) -> None:
    run = Run()
    both = [*files(2, root_id=1), *files(2, root_id=2)]
    run(both)
    assert [(batch.root_id, len(batch.files)) for batch in run.sink.batches] == [(1, 2), (2, 2)]


def test_progress_counts_up_to_the_total(files: Callable[..., list[PendingFile]]) -> None:
    run = Run(decoder=Decoder(errors={0: "bad"}))
    run(files(6))
    assert run.progress.steps == [(0, 6, 0), (5, 6, 1), (6, 6, 1)]


def test_ctrl_c_commits_what_was_decoded(files: Callable[..., list[PendingFile]]) -> None:
    def interrupt(key: int) -> None:
        if key == 6:
            raise KeyboardInterrupt

    run = Run(decoder=Decoder(before=interrupt))
    with pytest.raises(KeyboardInterrupt):
        run(files(20))
    assert len(run.sink.relatives) == 6


def test_an_encoder_that_fails_leaves_earlier_batches(
    files: Callable[..., list[PendingFile]],
) -> None:
    class Failing(FakeDualEncoder):
        def encode_images(self, images: ImageTensor) -> Embeddings:
            if self.n_images >= 8:
                raise ModelError("out of memory")
            return FakeDualEncoder.encode_images(self, images)

    run = Run(encoder=Failing())
    with pytest.raises(ModelError, match="out of memory"):
        run(files(20))
    assert len(run.sink.relatives) == 8


def test_decoding_goes_on_while_the_encoder_works(files: Callable[..., list[PendingFile]]) -> None:
    """The encoder, once it has the first batch, sees the second one being decoded."""
    second_batch = threading.Event()

    class Waiting(FakeDualEncoder):
        def encode_images(self, images: ImageTensor) -> Embeddings:
            assert second_batch.wait(10), "nothing was decoded during encoding"
            return FakeDualEncoder.encode_images(self, images)

    run = Run(
        decoder=Decoder(before=lambda key: second_batch.set() if key == 5 else None),
        encoder=Waiting(),
    )
    run(files(8))
    assert len(run.sink.relatives) == 8


def test_no_more_than_two_batches_wait_for_the_encoder(
    files: Callable[..., list[PendingFile]],
) -> None:
    """While one batch is at the encoder, decoding stops after the next is full: memory is flat."""
    decoder = Decoder()
    most: list[int] = []

    class Slow(FakeDualEncoder):
        def encode_images(self, images: ImageTensor) -> Embeddings:
            threading.Event().wait(0.02)
            most.append(decoder.n_given - self.n_images)
            return FakeDualEncoder.encode_images(self, images)

    Run(decoder=decoder, encoder=Slow())(files(40), batch_size=4)
    assert max(most) <= 3 * 4
