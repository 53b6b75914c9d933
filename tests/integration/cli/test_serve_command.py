"""`mmsearch serve` as a process: starts where it is told, follows others, stops when asked to."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import mmsearch as package
from mmsearch.cli import serve
from mmsearch.cli.help import Example
from tests.integration.cli.command import SCRIPT, Mmsearch
from tests.integration.cli.conftest import World, make_picture

DEFAULT_MODEL = (
    Path(__file__).resolve().parents[3] / "mmsearch" / "models" / "mini" / "open_clip_config.json"
)
WHAT = ("a cat", "a rocket", "a person", "coffee", "a motorcycle")
TIMEOUT_S = 120
ADDRESS = re.compile(r"http://(\S+):(\d+)")


@dataclass(frozen=True, slots=True)
class Serving:
    """A server's process and its port."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        """Its address on this machine."""
        return f"http://127.0.0.1:{self.port}"

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """The exit code after a signal."""
        self.process.send_signal(number)
        return self.process.wait(TIMEOUT_S)


@contextmanager
def serving(process: subprocess.Popen[bytes], notes: Path) -> Iterator[Serving]:
    """The server of a process, once it says where it is; killed if it is left running."""
    try:
        deadline = time.monotonic() + TIMEOUT_S
        while not (found := ADDRESS.search(notes.read_text("utf-8"))):
            assert process.poll() is None, notes.read_text("utf-8")
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield Serving(process, int(found[2]))
    finally:
        process.kill()
        process.wait(TIMEOUT_S)


@contextmanager
def start(mmsearch: Mmsearch, folder: Path) -> Iterator[Serving]:
    """`mmsearch serve` on a free port."""
    notes = folder / "notes.txt"
    with notes.open("wb") as stderr:
        process = mmsearch.start("serve", "--port", "0", stdout=subprocess.DEVNULL, stderr=stderr)
    with serving(process, notes) as server:
        yield server


def wait_until_ready(url: str) -> None:
    """Return once the model and the index are loaded."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/api/v1/ready", timeout=TIMEOUT_S):  # noqa: S310 - our own address
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("not ready")


@pytest.mark.parametrize("example", serve.EXAMPLES, ids=lambda example: example.command)
def test_the_helps_examples_serve_until_ctrl_c(
    example: Example, world: World, tmp_path: Path
) -> None:
    """The port of the environment keeps them off ports that are in use."""
    assignment, _, rest = example.command.rpartition("mmsearch serve")
    script = f"export {assignment}; " if assignment else ""
    notes = tmp_path / "notes.txt"
    with notes.open("wb") as stderr:
        process = subprocess.Popen(
            ["bash", "-c", f"{script}exec {SCRIPT} serve{rest}"],
            cwd=world.folder,
            env={**os.environ, **world.mmsearch.environment, "MMSEARCH_PORT": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    with serving(process, notes) as server:
        with urllib.request.urlopen(f"{server.url}/api/v1/health", timeout=TIMEOUT_S) as answer:  # noqa: S310 - our own address
            assert answer.status == 200
        assert server.stop() == 0


def test_it_finds_what_another_process_indexes(world: World, tmp_path: Path) -> None:
    """And what it removes: without a restart, with the real decoder processes."""
    photos = tmp_path / "more"
    photos.mkdir()
    with (
        start(world.mmsearch, tmp_path) as server,
        package.connect(server.url) as remote,
    ):
        wait_until_ready(server.url)
        before = remote.status().n_files
        make_picture(photos / "new.png", "purple", 40)
        assert world.mmsearch.run("-q", "index", photos).code == 0
        assert remote.status().n_files == before + 1
        found = {hit.media.path: hit.media for hit in remote.query("a picture", k=50)}
        assert photos / "new.png" in found
        assert remote.thumbnail(found[photos / "new.png"].media_id, 160)[:2] == b"\xff\xd8"
        best = remote.query(image=photos / "new.png", k=50)
        assert photos / "new.png" not in {hit.media.path for hit in best}
        assert world.mmsearch.run("-q", "remove", photos).code == 0
        assert photos / "new.png" not in {hit.media.path for hit in remote.query("a picture", k=50)}
        assert server.stop(signal.SIGTERM) == 0


def test_a_running_request_is_finished_before_it_stops(world: World, tmp_path: Path) -> None:
    """The answer to a request that was on its way arrives whole."""
    with start(world.mmsearch, tmp_path) as server:
        wait_until_ready(server.url)
        head = (
            b"POST /api/v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        )
        body = b'{"text": "red"}'
        with socket.create_connection(("127.0.0.1", server.port), TIMEOUT_S) as line:
            line.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body[:5])
            time.sleep(0.3)  # it is being read
            server.process.send_signal(signal.SIGINT)
            time.sleep(0.3)  # the stop has begun
            line.sendall(body[5:])
            answer = b"".join(iter(lambda: line.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b"}")
        assert server.process.wait(TIMEOUT_S) == 0


def test_the_default_model_serves_many_at_once(tmp_path: Path, model_cache: Path) -> None:
    """Questions that are merged into one batch get the answers that each gets alone."""
    if not DEFAULT_MODEL.is_file():
        pytest.skip("the default model is not in this checkout")
    pytest.importorskip("skimage", reason="the photographs come with scikit-image")
    command = Mmsearch(
        tmp_path,
        {"MMSEARCH_HOME": str(tmp_path / "home"), "MMSEARCH_CACHE": str(model_cache)},
    )
    assert command.run("demo", "photos").code == 0
    assert command.run("-q", "index", "photos").code == 0
    texts = [f"{what} {where}" for what in WHAT for where in ("indoors", "outside", "at night")]
    with start(command, tmp_path) as server, package.connect(server.url) as remote:
        wait_until_ready(server.url)
        assert remote.query("a cup of coffee", k=1)[0].media.path.name == "coffee.png"
        with ThreadPoolExecutor(len(texts)) as pool:
            merged = list(pool.map(remote.query, texts))
        assert server.stop() == 0
    with package.open(home=tmp_path / "home", cache=model_cache) as library:
        for text, hits in zip(texts, merged, strict=True):
            scores = {hit.media.path: hit.score for hit in library.query(text)}
            assert {hit.media.path: pytest.approx(hit.score, abs=0.02) for hit in hits} == scores


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--host", "0.0.0.0"), "--token"),  # noqa: S104 - to be refused
        (("--no-auth", "--token", "abc"), "contradict"),
        (("--port", "99999"), "port"),
        (("--token", ""), "token"),
    ],
)
def test_an_open_door_or_nonsense_is_refused(
    arguments: tuple[str, ...], says: str, mmsearch: Mmsearch
) -> None:
    done = mmsearch.run("serve", *arguments)
    assert done.code == 2
    assert says in done.notes
    assert len(done.notes.splitlines()) == 1


def test_a_port_in_use_is_told(mmsearch: Mmsearch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = mmsearch.run("serve", "--port", str(taken.getsockname()[1]))
    assert done.code == 2
    assert "in use" in done.notes
