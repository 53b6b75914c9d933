"""How fast does `mmsearch serve` answer one client, and how much more do 32 get from it?

Text questions over HTTP on N pictures, no text twice; the clients are a process of their own on
the same cores. One client's median is the latency; the questions a second of 32 against those of
one are what merging concurrent questions into batches brings.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.command import mmsearch_command, run
from benchmarks.load_client import Measured
from benchmarks.photos import make_photos
from benchmarks.record import Row, record

MANY = 32
READY_S = 600


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """The address of a server that has loaded its index."""
    with tempfile.TemporaryFile("w+b") as notes:
        process = subprocess.Popen(
            mmsearch_command("serve", "--port", "0", "--rate-limit", "0"),
            env={**os.environ, "MMSEARCH_HOME": str(home)},
            stdout=subprocess.DEVNULL,
            stderr=notes,
        )
        try:
            yield _ready_address(process, notes.fileno())
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(READY_S)


def _ready_address(process: subprocess.Popen[bytes], notes: int) -> str:
    """Where the server is, once it is ready."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        said = os.pread(notes, 4096, 0).decode()
        if process.poll() is not None:
            raise SystemExit(f"the server ended: {said}")
        found = re.search(r"http://\S+", said)
        if found and _is_ready(found[0]):
            return found[0]
        time.sleep(0.2)
    raise SystemExit("the server is not ready")


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/api/v1/ready", timeout=60):  # noqa: S310 - our own server's address
            return True
    except urllib.error.URLError:
        return False


def load(url: str, clients: int, seconds: float, seed: int, tool: str) -> Measured:
    """What a load process measured."""
    client = Path(__file__).with_name("load_client.py")
    options = {"--clients": clients, "--seconds": seconds, "--seed": seed, "--tool": tool}
    pairs = [str(part) for option in options.items() for part in option]
    done = subprocess.run(
        [sys.executable, str(client), url, *pairs], capture_output=True, text=True, check=True
    )
    return Measured(**json.loads(done.stdout))


def rows_of(one: Measured, many: Measured) -> list[Row]:
    """The table."""
    single, together = one.requests / one.seconds, many.requests / many.seconds
    return [
        Row("one client, p50", one.p50_ms, "ms"),
        Row("one client, p95", one.p95_ms, "ms"),
        Row("one client", single, "questions/s"),
        Row(f"{MANY} clients", together, "questions/s"),
        Row(f"{MANY} clients against one", together / single, "x"),
        Row(f"{MANY} clients, p50", many.p50_ms, "ms"),
        Row(f"{MANY} clients, p95", many.p95_ms, "ms"),
        Row("errors", float(one.errors + many.errors), f"of {one.requests + many.requests}"),
    ]


def main() -> None:
    """Index N small pictures once, serve them, and ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--work", type=Path, help="keep pictures and index here between runs")
    parser.add_argument("--tool", choices=("auto", "wrk", "sockets"), default="auto")
    options = parser.parse_args()
    count, seconds = (500, 3) if options.quick else (options.count, 60)
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        home, photos = work / f"home-{count}", work / f"photos-{count}"
        make_photos(photos, count, side=128)
        run(home, "index", str(photos))
        with serving(home) as url:
            load(url, MANY, seconds / 10, 1, options.tool)  # what is only done once, is done now
            one = load(url, 1, seconds / 2, 2, options.tool)
            many = load(url, MANY, seconds, 3, options.tool)
    parameters = {"n": count, "k": 20, "clients": MANY, "seconds": seconds, "tool": many.tool}
    record("serve_load", str(__doc__), {**parameters, "seed": 0}, rows_of(one, many))


if __name__ == "__main__":
    main()
