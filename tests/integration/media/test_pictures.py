"""Single pictures from worker processes: the same as here, and whatever happens to one of them."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mmsearch.errors import MediaError
from mmsearch.media import worker_link
from mmsearch.media.frames import Job
from mmsearch.media.limits import DecodeLimits
from mmsearch.media.pictures import InlinePictures, PicturePool
from mmsearch.media.worker_link import WorkerLink
from mmsearch.types import InputSpec
from tests.unit.media.samples import LIMITS, encoded, scene, spec

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")

HERE = InlinePictures(LIMITS)


@pytest.fixture
def pool() -> Iterator[PicturePool]:
    pool = PicturePool(LIMITS, workers=2)
    yield pool
    pool.close()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(scene(640, 480), "JPEG"))
    return path


def test_workers_give_what_this_process_gives(pool: PicturePool, picture: Path) -> None:
    for size in (64, 320):
        assert pool.thumbnail(picture, size) == HERE.thumbnail(picture, size)
    for source in (picture, picture.read_bytes()):
        there, here = pool.pixels(source, spec()), HERE.pixels(source, spec())
        np.testing.assert_array_equal(there, here)
        assert there.shape == here.shape


def test_workers_stay_between_pictures(pool: PicturePool, picture: Path) -> None:
    pool.thumbnail(picture, 64)
    (pid,) = pool.worker_pids
    for _ in range(5):
        pool.thumbnail(picture, 64)
    assert pid in pool.worker_pids


def test_an_upload_larger_than_any_pipe_arrives(pool: PicturePool) -> None:
    data = encoded(scene(2000, 1500), "BMP")
    assert len(data) > 8 << 20
    np.testing.assert_array_equal(pool.pixels(data, spec()), HERE.pixels(data, spec()))


@pytest.mark.parametrize("pictures", [HERE, None], ids=["here", "in workers"])
def test_what_cannot_be_read_says_why(
    pictures: InlinePictures | None, pool: PicturePool, tmp_path: Path
) -> None:
    asked = pictures or pool
    with pytest.raises(MediaError, match="not a picture"):
        asked.pixels(b"<html>no picture</html>", spec())
    with pytest.raises(MediaError, match="empty file"):
        asked.pixels(b"", spec())
    with pytest.raises(MediaError, match="no such file"):
        asked.thumbnail(tmp_path / "gone.jpg", 64)
    with pytest.raises(ValueError, match="unknown"):
        asked.pixels(encoded(scene()), InputSpec(8, 8, interpolation="best"))


def test_uploads_are_bound_by_the_limits_of_files(picture: Path) -> None:
    pool = PicturePool(DecodeLimits(max_pixels=1000), workers=1)
    with pytest.raises(MediaError, match="over the limit"):
        pool.pixels(picture.read_bytes(), spec())
    pool.close()


def test_many_threads_share_few_workers(pool: PicturePool, tmp_path: Path) -> None:
    """Each gets its own picture, whoever asks beside it."""
    paths = [tmp_path / f"{number}.png" for number in range(24)]
    for number, path in enumerate(paths):
        path.write_bytes(encoded(scene(40 + number, 30)))
    with ThreadPoolExecutor(12) as threads:
        made = list(threads.map(lambda path: pool.thumbnail(path, 32), paths * 3))
    assert made == [HERE.thumbnail(path, 32) for path in paths] * 3
    assert len(pool.worker_pids) <= 2


@needs_signals
def test_a_picture_that_kills_its_worker_fails_alone(
    pool: PicturePool, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = tmp_path / "poison.jpg"
    poison.write_bytes(picture.read_bytes())
    real = WorkerLink.submit

    def submit(link: WorkerLink, job: Job) -> None:
        bad = job.source == poison and link.pid is not None
        if bad:
            os.kill(link.pid, signal.SIGSTOP)  # so that it cannot be done before the strike
        real(link, job)
        if bad:
            os.kill(link.pid, signal.SIGKILL)

    monkeypatch.setattr(WorkerLink, "submit", submit)
    with ThreadPoolExecutor(8) as threads:
        others = [threads.submit(pool.thumbnail, picture, 64) for _ in range(20)]
        guilty = threads.submit(pool.thumbnail, poison, 64)
        with pytest.raises(MediaError, match=r"the decoder was killed \(SIGKILL\)"):
            guilty.result()
        assert {other.result() for other in others} == {HERE.thumbnail(picture, 64)}


def test_workers_that_cannot_start_are_one_clear_error(
    pool: PicturePool, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_link, "_bootstrap", lambda: "raise SystemExit('no Pillow here')")
    with pytest.raises(MediaError, match=r"cannot be started \(no Pillow here\)"):
        pool.thumbnail(picture, 64)


def test_a_closed_pool_refuses_whoever_waits_or_comes(picture: Path) -> None:
    """Closing while many threads ask: each gets its picture or the news, none waits for ever."""
    pool = PicturePool(LIMITS, workers=1)
    pool.thumbnail(picture, 64)
    told: list[str] = []

    def ask() -> None:
        try:
            while True:
                pool.thumbnail(picture, 64)
        except MediaError as exc:
            told.append(str(exc))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    pool.close()
    for thread in threads:
        thread.join(timeout=60)
    assert told == ["the decode pool was closed"] * 6
    pool.close()
