"""The decode pool: worker processes that may die, hang or be interrupted without harm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from mmsearch.errors import MediaError
from mmsearch.media import worker_link
from mmsearch.media.decode import decode_file
from mmsearch.media.digest import digest_file
from mmsearch.media.frames import Job
from mmsearch.media.limits import DecodeLimits
from mmsearch.media.pool import DecodedFile, DecodeJob, DecodePool
from mmsearch.media.worker_link import WorkerLink
from mmsearch.types import InputSpec
from tests.unit.media.samples import LIMITS, encoded, scene, spec

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="a Linux mechanism")


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Forty distinct sound files."""
    paths = [tmp_path / f"{index}.png" for index in range(40)]
    for index, path in enumerate(paths):
        path.write_bytes(encoded(scene(60 + index, 40)))
    return paths


@pytest.fixture
def pool() -> Iterator[DecodePool]:
    with DecodePool(spec(), LIMITS, workers=2) as pool:
        yield pool


def jobs(paths: list[Path]) -> Iterator[DecodeJob]:
    return (DecodeJob(key, path) for key, path in enumerate(paths))


def run(pool: DecodePool, paths: list[Path], look_ahead: int = 8) -> list[DecodedFile]:
    return sorted(pool.decode(jobs(paths), look_ahead), key=lambda result: result.key)


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


@needs_signals
def test_workers_leave_ctrl_c_to_the_parent(pool: DecodePool, pictures: list[Path]) -> None:
    run(pool, pictures)
    before = pool.worker_pids
    for pid in before:
        os.kill(pid, signal.SIGINT)
    assert all(result.error is None for result in run(pool, pictures))
    assert pool.worker_pids == before


@needs_signals
def test_killed_workers_are_replaced_and_no_file_is_lost(
    pool: DecodePool, pictures: list[Path]
) -> None:
    """A file whose worker was killed from outside is innocent: it is tried again."""
    results = []
    for result in pool.decode(jobs(pictures), 8):
        results.append(result)
        if len(results) == 5:
            for pid in pool.worker_pids:
                os.kill(pid, signal.SIGKILL)
    assert sorted(result.key for result in results) == list(range(40))
    assert [result.error for result in results if result.error] == []


def poison(monkeypatch: pytest.MonkeyPatch, strike: Callable[[int], None]) -> None:
    """Have every worker struck when it takes up `poison.png`, as a decoder bug would."""
    real = WorkerLink.submit

    def submit(link: WorkerLink, job: Job) -> None:
        bad = getattr(job.source, "name", "") == "poison.png" and link.pid is not None
        if bad:
            os.kill(link.pid, signal.SIGSTOP)  # so that it cannot be done before the strike
        real(link, job)
        if bad:
            strike(link.pid)

    monkeypatch.setattr(WorkerLink, "submit", submit)


@needs_signals
def test_a_file_that_crashes_every_worker_fails_alone(
    pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, lambda pid: os.kill(pid, signal.SIGKILL))
    bad = tmp_path / "poison.png"
    bad.write_bytes(encoded(scene()))
    with DecodePool(spec(), LIMITS, workers=1) as pool:
        results = run(pool, [bad, *pictures])
    assert results[0].error == "the decoder crashed (SIGKILL)"
    assert [result.error for result in results[1:] if result.error] == []


@needs_signals
def test_a_file_that_hangs_its_worker_fails_alone(
    pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, lambda _: None)  # stopped, it hangs for good
    bad = tmp_path / "poison.png"
    bad.write_bytes(encoded(scene()))
    with DecodePool(spec(), DecodeLimits(timeout_s=2.0), workers=1) as pool:
        started = time.monotonic()
        results = run(pool, [bad, *pictures])
    assert results[0].error == "decoding took longer than 2 s"
    assert [result.error for result in results[1:] if result.error] == []
    assert time.monotonic() - started < 30


def test_workers_that_cannot_start_are_one_clear_error(
    pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_link, "_bootstrap", lambda: "raise SystemExit('no Pillow here')")
    failure = pytest.raises(MediaError, match=r"cannot be started \(no Pillow here\): reinstall")
    with DecodePool(spec(), LIMITS, workers=1) as pool, failure:
        run(pool, pictures)


def test_an_unknown_interpolation_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="unknown"):
        DecodePool(InputSpec(8, 8, interpolation="best"), LIMITS, workers=1)


SCRIPT = """
import sys, time
from pathlib import Path
from mmsearch.media.limits import DecodeLimits
from mmsearch.media.pool import DecodeJob, DecodePool
from mmsearch.types import InputSpec

pool = DecodePool(InputSpec(8, 8), DecodeLimits(), workers=1)
(result,) = pool.decode([DecodeJob(0, Path(sys.argv[1]))], 1)
print(result.error, *pool.worker_pids, flush=True)
if sys.argv[2] == "wait":
    time.sleep(60)
"""


def script(tmp_path: Path, picture: Path, what: str) -> subprocess.Popen[str]:
    """A program without a main guard and without `close`."""
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(SCRIPT))
    return subprocess.Popen(
        [sys.executable, str(path), str(picture), what], stdout=subprocess.PIPE, text=True
    )


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    if sys.platform != "linux":
        return True
    state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    return state != "Z"  # a container without an init leaves the dead unburied


def is_gone_within(pid: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not is_alive(pid):
            return True
        time.sleep(0.05)
    return False


@needs_signals
def test_a_program_without_main_guard_or_close_ends_cleanly(
    tmp_path: Path, pictures: list[Path]
) -> None:
    with script(tmp_path, pictures[0], "end") as program:
        out, _ = program.communicate(timeout=60)
    error, pid = out.split()
    assert (error, program.returncode) == ("None", 0)
    assert is_gone_within(int(pid), 10)


@needs_signals
def test_workers_die_with_a_killed_parent(tmp_path: Path, pictures: list[Path]) -> None:
    with script(tmp_path, pictures[0], "wait") as program:
        assert program.stdout is not None
        pid = int(program.stdout.readline().split()[1])
        assert is_alive(pid)
        program.kill()
    assert is_gone_within(pid, 10)


def in_a_worker(code: str) -> str:
    """What a program prints that starts as workers do."""
    bootstrap = worker_link._bootstrap().rpartition("; ")[0]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"{bootstrap}\n{textwrap.dedent(code)}"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_worker_imports_nothing_heavy() -> None:
    loaded = in_a_worker("""
        import sys
        from mmsearch.media import worker
        print(*{name.partition(".")[0] for name in sys.modules})
    """).split()
    heavy = {"torch", "openvino", "faiss", "sqlalchemy", "pydantic", "matplotlib", "scipy"}
    assert not heavy & set(loaded)
    assert "pillow_heif" not in loaded


@linux_only
def test_a_worker_cannot_take_more_memory_than_allowed() -> None:
    said = in_a_worker("""
        from mmsearch.media import worker
        worker._bound_memory(256)
        kept = bytearray(128 << 20)
        try:
            bytearray(512 << 20)
        except MemoryError:
            print("refused")
    """)
    assert said == "refused"
