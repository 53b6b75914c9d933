"""Stopped at any moment, or run twice at once, indexing ends with what one quiet run gives."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mmsearch.engine.library import Library
from mmsearch.engine.progress import SilentProgress
from mmsearch.errors import CatalogueError
from mmsearch.types import Embeddings, Modality
from tests.fakes import FakeModels, fake_space
from tests.photos import COLOURS, bad_photo, fake_library, photo

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import sys
from pathlib import Path
from tests.photos import fake_library
home, folder, pause = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])

from tests.fakes import FakeModels, FakeDualEncoder
import time
class Slow(FakeDualEncoder):
    def encode_images(self, images):
        time.sleep(pause)
        return FakeDualEncoder.encode_images(self, images)
models = FakeModels()
models.encoders["fake"] = Slow()
with fake_library(home, models, start_pool=None, decode_workers=2) as library:
    print("started", flush=True)
    summary = library.index(folder)
    print(summary.added, summary.failed, summary.interrupted, flush=True)
"""


def _start(home: Path, folder: Path, pause: float = 0.0) -> subprocess.Popen[str]:
    """Index in another process, with real decode workers; `pause` seconds a batch."""
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(home), str(folder), str(pause)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _fill(folder: Path, count: int = 60) -> None:
    """Pictures of all colours, every tenth a copy, every fifteenth bad."""
    names = list(COLOURS)
    for number in range(count):
        path = folder / f"{number % 3}/{number}.png"
        if number % 15 == 14:
            bad_photo(path, b"bad %d" % number)
        else:
            photo(path, names[number % len(names)], seed=0 if number % 10 == 9 else number)


Result = tuple[dict[str, tuple[str, bytes]], list[tuple[str, str]], list[tuple[str, float]]]


def _result(home: Path, folder: Path) -> Result:
    """What an index holds, in terms that two indexes can share: no ids, no times."""
    with fake_library(home) as library:
        files: dict[str, tuple[str, bytes]] = {}
        with library._factory.catalogues.lease() as catalogue:
            for path in sorted(folder.rglob("*.png")):
                if (media := catalogue.media_at(path)) is not None:
                    item = media.content_id
                    embedding = catalogue.embedding_of(fake_space(), Modality.IMAGE, item)
                    assert embedding is not None
                    files[str(path.relative_to(folder))] = (media.digest, embedding.tobytes())
        failures = [(failure.path.name, failure.reason) for failure in library.failures()]
        hits = [
            (hit.media.digest, round(hit.score, 6))
            for colour in ("red", "blue")
            for hit in library.query(colour, k=200)
        ]
        counts = library.status()
        assert counts.n_files == len(files)
        assert counts.n_contents == counts.spaces[0].n_images == len({d for d, _ in files.values()})
        return files, failures, sorted(hits)


def test_ctrl_c_keeps_what_was_done_and_the_next_run_goes_on(home: Path, photos: Path) -> None:
    for seed in range(20):
        photo(photos / f"{seed}.png", seed=seed)

    class Stop(SilentProgress):
        def on_progress(self, done: int, total: int, failed: int) -> None:
            if done == 8:
                raise KeyboardInterrupt

    first, second = FakeModels(), FakeModels()
    with fake_library(home, first) as library:
        summary = library.index(photos, progress=Stop())
        assert summary.interrupted
        assert 8 <= summary.added < 20
        assert len(library.query("red", k=50)) == summary.added
    with fake_library(home, second) as library:
        again = library.index(photos)
        assert (again.added, again.unchanged) == (20 - summary.added, summary.added)
    assert second.encoders["fake"].n_images == again.added


def test_ctrl_c_before_anything_was_done_is_quiet(library: Library, photos: Path) -> None:
    photo(photos / "x.png")

    class Stop(SilentProgress):
        def on_scan(self, found: int) -> None:
            raise KeyboardInterrupt

    summary = library.index(photos, progress=Stop())
    assert (summary.interrupted, summary.added) == (True, 0)
    assert library.index(photos).added == 1


def test_nothing_is_removed_by_a_run_that_was_stopped(library: Library, photos: Path) -> None:
    """A moved file's row must wait for the run that finds the file again."""
    for seed in range(3):
        photo(photos / f"{seed}.png", seed=seed)
    library.index(photos)
    (photos / "0.png").unlink()
    photo(photos / "new.png", seed=9)

    class Stop(SilentProgress):
        def on_progress(self, done: int, total: int, failed: int) -> None:
            raise KeyboardInterrupt

    assert library.index(photos, progress=Stop()).removed == 0
    assert library.index(photos).removed == 1


def test_sigint_ends_the_run_with_what_was_done(home: Path, photos: Path) -> None:
    """The true signal, with real workers, which leave the decision to their parent."""
    _fill(photos)
    process = _start(home, photos, pause=0.1)
    assert process.stdout is not None
    process.stdout.readline()
    _wait_for_rows(home, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    added, _, interrupted = out.split()
    assert interrupted == "True"
    with fake_library(home) as library:
        assert 0 < library.status().n_files == int(added) < 56
        assert len(library.query("red", k=100)) == library.status().n_contents


def test_kill_at_any_moment_then_again_is_as_one_quiet_run(
    tmp_path: Path, photos: Path, home: Path
) -> None:
    _fill(photos)
    quiet = tmp_path / "quiet"
    with fake_library(quiet, start_pool=None) as library:
        library.index(photos)
    expected = _result(quiet, photos)
    rng = random.Random(7)
    n_killed = 0
    for _ in range(5):
        process = _start(home, photos, pause=0.05)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0.0, 1.2))
        n_killed += process.poll() is None
        process.kill()
        process.communicate(timeout=60)
    assert n_killed >= 2, "every run was over before it was killed: the test proves nothing"
    with fake_library(home, start_pool=None) as library:
        library.index(photos)
    assert _result(home, photos) == expected


def test_two_processes_at_once_double_nothing(tmp_path: Path, photos: Path, home: Path) -> None:
    _fill(photos)
    quiet = tmp_path / "quiet"
    with fake_library(quiet, start_pool=None) as library:
        library.index(photos)
    both = [_start(home, photos, pause=0.02) for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert not err, "a warning or a traceback was written"
    assert _result(home, photos) == _result(quiet, photos)


def test_worker_processes_give_what_decoding_here_gives(
    tmp_path: Path, photos: Path, home: Path
) -> None:
    _fill(photos, 30)
    with fake_library(home, start_pool=None, decode_workers=2) as library:
        library.index(photos)
    with fake_library(tmp_path / "inline") as library:
        library.index(photos)
    assert _result(home, photos) == _result(tmp_path / "inline", photos)


def test_files_that_leave_while_they_wait_are_no_failures(home: Path, photos: Path) -> None:
    """Deleted between scan and decode: neither added nor failed."""
    for seed in range(12):
        photo(photos / f"{seed:02}.png", seed=seed)

    class Delete(SilentProgress):
        def on_progress(self, done: int, total: int, failed: int) -> None:
            (photos / "11.png").unlink(missing_ok=True)

    with fake_library(home) as library:
        summary = library.index(photos, progress=Delete())
        assert (summary.added, summary.failed) == (11, 0)
        assert library.failures() == []


def test_embeddings_are_those_of_the_files(home: Path, photos: Path) -> None:
    """After all the batching, each file's embedding is its own."""
    from mmsearch.media.decode import decode_file
    from mmsearch.media.decode_limits import DecodeLimits

    _fill(photos, 30)
    result = None
    with fake_library(home, start_pool=None, decode_workers=2) as library:
        library.index(photos)
        result = _result(home, photos)
    encoder = FakeModels().load("fake")
    for name, (_, stored) in result[0].items():
        picture = decode_file(photos / name, fake_space().input, DecodeLimits())
        own: Embeddings = encoder.encode_images(picture.pixels[np.newaxis])
        np.testing.assert_allclose(np.frombuffer(stored, np.float32), own[0], atol=1e-3)


def _wait_for_rows(home: Path, process: subprocess.Popen[str]) -> None:
    """Until the other process has committed a batch."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if (home / "indexes/default/catalogue.sqlite3").is_file():
            with fake_library(home) as library, contextlib.suppress(CatalogueError):
                if library.status().n_files:  # not yet a catalogue, at first
                    return
        time.sleep(0.02)
    pytest.fail("the other process committed nothing")
