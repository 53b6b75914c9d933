"""The decode pool: what it gives, how far it looks ahead, and how it is closed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mmsearch.errors import MediaError
from mmsearch.media.decode import decode_file
from mmsearch.media.digest import digest_file
from mmsearch.media.pool import DecodeJob, DecodePool
from mmsearch.types import InputSpec
from tests.integration.media.pool_runs import is_alive, jobs, linux_only, run
from tests.unit.media.samples import LIMITS, encoded, scene, spec


def test_the_pool_gives_what_decoding_here_gives(pool: DecodePool, pictures: list[Path]) -> None:
    results = run(pool, pictures)
    assert [result.path for result in results] == pictures
    for result in results:
        here = decode_file(result.path, spec(), LIMITS)
        info = result.path.stat()
        assert result.error is None
        assert np.array_equal(result.pixels, here.pixels)
        assert result.metadata == here.metadata
        assert result.digest == digest_file(result.path)
        assert (result.size_bytes, result.mtime_ns) == (info.st_size, info.st_mtime_ns)


def test_bad_files_fail_alone_with_digest_and_reason(
    pool: DecodePool, pictures: list[Path], tmp_path: Path
) -> None:
    noise, gone = tmp_path / "noise.jpg", tmp_path / "gone.jpg"
    noise.write_bytes(b"no picture" * 50)
    results = run(pool, [noise, *pictures, gone])
    assert [result.key for result in results if result.error] == [0, 41]
    assert results[0].error == "not a picture: no known format starts like this file"
    assert results[0].digest == digest_file(noise)
    assert results[0].pixels is None
    assert results[0].metadata is None
    assert results[41].error == "cannot be read: no such file or directory"
    assert results[41].digest == ""


@linux_only
def test_a_path_of_any_bytes_is_decoded(pool: DecodePool, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9\n.png"))
    path.write_bytes(encoded(scene()))
    (result,) = run(pool, [path])
    assert (result.error, result.path) == (None, path)


@pytest.mark.parametrize("look_ahead", [1, 3, 100])
def test_no_more_files_than_the_look_ahead_are_under_way(
    pool: DecodePool, pictures: list[Path], look_ahead: int
) -> None:
    drawn = 0

    def counted() -> Iterator[DecodeJob]:
        nonlocal drawn
        for job in jobs(pictures):
            drawn += 1
            yield job

    most = 0
    for taken, _ in enumerate(pool.decode(counted(), look_ahead), start=1):
        most = max(most, drawn - taken + 1)
    assert taken == len(pictures)
    assert most == min(look_ahead, len(pictures))


def test_leaving_a_run_early_leaves_the_pool_usable(pool: DecodePool, pictures: list[Path]) -> None:
    run_one = pool.decode(jobs(pictures), 16)
    next(run_one)
    run_one.close()
    assert [result.path for result in run(pool, pictures[::-1])] == pictures[::-1]


def test_no_jobs_start_no_worker(pool: DecodePool) -> None:
    assert run(pool, []) == []
    assert pool.worker_pids == ()


def test_a_closed_pool_says_so(pictures: list[Path]) -> None:
    pool = DecodePool(spec(), LIMITS, workers=1)
    run(pool, pictures[:1])
    (pid,) = pool.worker_pids
    pool.close()
    pool.close()
    assert pool.worker_pids == ()
    assert not is_alive(pid)
    with pytest.raises(ValueError, match="closed"):
        run(pool, pictures)


def test_closing_while_a_run_waits_ends_the_run(pictures: list[Path]) -> None:
    pool = DecodePool(spec(), LIMITS, workers=1)
    waiting = pool.decode(jobs(pictures), 16)
    next(waiting)
    pool.close()
    with pytest.raises(MediaError, match="closed"):
        list(waiting)


def test_an_unknown_interpolation_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="unknown"):
        DecodePool(InputSpec(8, 8, interpolation="best"), LIMITS, workers=1)
