"""The pipeline from files to committed batches: order, overlap, failures, interruption."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest

from mmsearch.engine.diff import PendingFile
from mmsearch.errors import ModelError
from mmsearch.types import Embeddings, ImageTensor
from tests.fakes import (
    FAKE_PROJECTION,
    FakeDualEncoder,
    FakeRegionEncoder,
    fake_space,
)
from tests.unit.engine.pipeline_run import METADATA, Decoder, Run


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
