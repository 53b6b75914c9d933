"""The pipeline and files that cannot be decoded: what is recorded, what is kept."""

from __future__ import annotations

from collections.abc import Callable

from mmsearch.engine.diff import Need, PendingFile
from tests.unit.engine.pipeline_run import Decoder, Run


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
