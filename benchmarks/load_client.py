"""Asks a server questions from many clients at once: a process of its own, lean in Python.

Runs `wrk` where it is installed, else plain sockets on an event loop. No text is asked twice:
the server remembers the embeddings of texts, and a benchmark is not to measure its memory.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

WORDS = (
    *("red", "old", "small", "wooden", "bright", "quiet", "wet", "striped", "round", "empty"),
    *("dog", "rocket", "cup", "street", "bicycle", "cat", "lake", "kitchen", "tree", "train"),
)
WRK_SCRIPT = """
local words = {%(words)s}
local n = %(seed)d * 10000000
request = function()
  n = n + 1
  local a, b, c = n %% #words, math.floor(n / #words) %% #words, math.floor(n / 400) %% #words
  local text = words[a + 1] .. "%%20" .. words[b + 1] .. "%%20" .. words[c + 1] .. "%%20" .. n
  return wrk.format("GET", "/api/v1/search?k=%(k)d&q=" .. text)
end
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('RESULT {"tool": "wrk", "requests": %%d, "seconds": %%f, ' ..
    '"errors": %%d, "p50_ms": %%f, "p95_ms": %%f}\\n', summary.requests, summary.duration / 1e6,
    e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What to ask: `clients` at once, `k` hits each, for `seconds`."""

    url: str
    clients: int
    seconds: float
    k: int
    seed: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of it; times from a request's first byte to its answer's last."""

    tool: str
    requests: int
    seconds: float
    errors: int
    p50_ms: float
    p95_ms: float


@dataclass(slots=True)
class _Counts:
    """Latencies in seconds, and failures."""

    latencies: list[float] = field(default_factory=list)
    errors: int = 0


def put_load(load: Load, tool: str = "auto") -> Measured:
    """What the server did under `load`, by `tool`: wrk, sockets, or auto = wrk where it is."""
    wrk = shutil.which("wrk") if tool in ("auto", "wrk") else None
    return _with_wrk(wrk, load) if wrk else asyncio.run(_with_sockets(load))


def _with_wrk(wrk: str, load: Load) -> Measured:
    words = ", ".join(f'"{word}"' for word in WORDS)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "load.lua"
        script.write_text(WRK_SCRIPT % {"words": words, "seed": load.seed, "k": load.k})
        duration = f"{max(1, round(load.seconds))}s"
        command = [wrk, "-t1", f"-c{load.clients}", f"-d{duration}", "--timeout", "10s"]
        done = subprocess.run(
            [*command, "-s", str(script), load.url], capture_output=True, text=True, check=True
        )
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    return Measured(**json.loads(line.removeprefix("RESULT ")))


async def _with_sockets(load: Load) -> Measured:
    """Each client asks, reads the whole answer, and asks again, on one connection."""
    counts = _Counts()
    started = time.perf_counter()
    end = started + load.seconds
    await asyncio.gather(*(_client(load, number, end, counts) for number in range(load.clients)))
    seconds = time.perf_counter() - started
    times = sorted(counts.latencies) or [0.0]
    return Measured(
        tool="sockets",
        requests=len(counts.latencies),
        seconds=seconds,
        errors=counts.errors,
        p50_ms=times[len(times) // 2] * 1e3,
        p95_ms=times[int(len(times) * 0.95)] * 1e3,
    )


async def _client(load: Load, number: int, end: float, counts: _Counts) -> None:
    parts = urlsplit(load.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    rng = random.Random(load.seed * 1000 + number)
    asked = 0
    while (now := time.perf_counter()) < end:
        asked += 1
        text = quote(f"{' '.join(rng.choices(WORDS, k=3))} {number} {asked} {load.seed}")
        target = f"/api/v1/search?k={load.k}&q={text}"
        writer.write(f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        if head.startswith(b"HTTP/1.1 200"):
            counts.latencies.append(time.perf_counter() - now)
        else:
            counts.errors += 1
    writer.close()


def main() -> None:
    """Put load on a server and write what was measured as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tool", choices=("auto", "wrk", "sockets"), default="auto")
    asked = parser.parse_args()
    load = Load(asked.url, asked.clients, asked.seconds, asked.k, asked.seed)
    print(json.dumps(asdict(put_load(load, asked.tool))))


if __name__ == "__main__":
    main()
