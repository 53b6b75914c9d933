"""The pool's worker processes: killed, hung, interrupted or orphaned without harm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mmsearch.errors import MediaError
from mmsearch.media import worker_link, worker_pool
from mmsearch.media.frames import Job
from mmsearch.media.limits import DecodeLimits
from mmsearch.media.pool import DecodePool
from mmsearch.media.worker_link import WAS_KILLED, WorkerLink
from tests.integration.media.pool_runs import is_alive, jobs, linux_only, needs_signals, run
from tests.unit.media.samples import LIMITS, encoded, scene, spec


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


def abort(pid: int) -> None:
    """End a stopped worker as a decoder that aborts does."""
    os.kill(pid, signal.SIGABRT)
    os.kill(pid, signal.SIGCONT)


@needs_signals
def test_a_file_that_crashes_every_worker_fails_alone(
    pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, abort)
    bad = tmp_path / "poison.png"
    bad.write_bytes(encoded(scene()))
    with DecodePool(spec(), LIMITS, workers=1) as pool:
        results = run(pool, [bad, *pictures])
    assert results[0].error == "the decoder crashed (SIGABRT)"
    assert [result.error for result in results[1:] if result.error] == []


@needs_signals
def test_a_file_whose_workers_the_system_kills_fails_alone_and_says_why(
    pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the kernel does when memory runs out; there is no other way to see it from here."""
    poison(monkeypatch, lambda pid: os.kill(pid, signal.SIGKILL))
    bad = tmp_path / "poison.png"
    bad.write_bytes(encoded(scene()))
    with DecodePool(spec(), LIMITS, workers=1) as pool:
        results = run(pool, [bad, *pictures])
    assert results[0].error == WAS_KILLED
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
    assert results[0].error == "decoding took longer than 2 s: raise decode_timeout_s"
    assert [result.error for result in results[1:] if result.error] == []
    assert time.monotonic() - started < 30


@needs_signals
def test_workers_that_crash_on_file_after_file_end_the_run_with_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken decoder must not start two workers a file for a hundred thousand files."""
    poison(monkeypatch, abort)
    monkeypatch.setattr(worker_pool, "CRASHES_IN_A_ROW", 2)
    bad = [tmp_path / str(number) / "poison.png" for number in range(5)]
    for path in bad:
        path.parent.mkdir()
        path.write_bytes(encoded(scene()))
    with DecodePool(spec(), LIMITS, workers=1) as pool:
        run_of_all = pool.decode(jobs(bad), 5)
        assert next(run_of_all).error == "the decoder crashed (SIGABRT)"
        with pytest.raises(MediaError, match=r"2 files in a row.*\(SIGABRT\).*reinstall"):
            next(run_of_all)


@needs_signals
def test_an_answer_between_crashes_shows_that_the_files_are_to_blame(
    pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(monkeypatch, abort)
    monkeypatch.setattr(worker_pool, "CRASHES_IN_A_ROW", 2)
    bad = [tmp_path / str(number) / "poison.png" for number in range(2)]
    for path in bad:
        path.parent.mkdir()
        path.write_bytes(encoded(scene()))
    with DecodePool(spec(), LIMITS, workers=1) as pool:
        results = run(pool, [bad[0], pictures[0], bad[1], pictures[1]], look_ahead=1)
    assert [result.error is None for result in results] == [False, True, False, True]


@linux_only
def test_the_system_ends_a_worker_first_when_memory_runs_out(
    pool: DecodePool, pictures: list[Path]
) -> None:
    run(pool, pictures[:4])
    scores = [Path(f"/proc/{pid}/oom_score_adj").read_text("ascii") for pid in pool.worker_pids]
    assert {score.strip() for score in scores} == {"1000"}


def test_workers_that_cannot_start_are_one_clear_error(
    pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_link, "_bootstrap", lambda: "raise SystemExit('no Pillow here')")
    failure = pytest.raises(MediaError, match=r"cannot be started \(no Pillow here\): reinstall")
    with DecodePool(spec(), LIMITS, workers=1) as pool, failure:
        run(pool, pictures)


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
def test_memory_that_runs_out_anywhere_in_a_worker_is_a_reason_not_a_crash() -> None:
    said = in_a_worker("""
        from pathlib import Path
        from mmsearch.media import worker
        from mmsearch.media.frames import Job, WorkOrder
        from mmsearch.media.limits import DecodeLimits

        def digest(data):
            return bytearray(1 << 60)

        worker.digest_bytes = digest
        order = WorkOrder(DecodeLimits(memory_mb=300), 0)
        reply, made = worker.work_within_memory(Job(b"bytes", 8), order)
        print(reply.error, len(made))
    """)
    assert said == "needs more than 300 MB of memory: raise decode_memory_mb 0"


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
