"""What do ten million embeddings take to build, to open and to serve on this machine?

Jittered copies of real embeddings and real captions (`real_vectors.py`). One process builds;
another opens what was built and answers, as a server does.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.real_vectors import Gallery, ann_recall, build_index, gallery, nearest_ids
from benchmarks.record import Row, record
from mmsearch.types import Embeddings
from mmsearch.vectors import FaissIndex

K = 10


@dataclass(frozen=True, slots=True)
class Served:
    """What a serving process took: seconds, ids `(q, k)`, seconds of each query, GB resident."""

    open_s: float
    ids: NDArray[np.int64]
    query_s: NDArray[np.float64]
    first_s: float
    own_gb: float
    resident_gb: float


def build(file: Path, rows: Path) -> tuple[float, float]:
    """Seconds until the index is written, and the most GB the process had."""
    source = Gallery(np.load(rows, mmap_mode="r"))
    started = time.perf_counter()
    build_index(source, file)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return time.perf_counter() - started, peak * 1024 / 1e9


def serve(file: Path, queries: Embeddings) -> Served:
    """Open the index and answer each query, one by one."""
    started = time.perf_counter()
    index = FaissIndex.open(file, queries.shape[1])
    open_s = time.perf_counter() - started
    ids, taken = [], []
    for number in range(len(queries)):
        started = time.perf_counter()
        ids.append(index.search(queries[number : number + 1], K).ids[0])
        taken.append(time.perf_counter() - started)
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    kb = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith("Rss")}
    own, files = kb["RssAnon"] * 1024 / 1e9, kb["RssFile"] * 1024 / 1e9
    return Served(open_s, np.array(ids), np.array(taken[1:]), taken[0], own, own + files)


def main() -> None:
    """Build once, serve twice: the second start is what counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--count", type=int, default=10_000_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--work", type=Path, help="keep the gallery here between runs")
    options = parser.parse_args()
    count, n_queries = (150_000, 100) if options.quick else (options.count, 1000)
    with tempfile.TemporaryDirectory(dir=options.work) as temporary:
        work = options.work or Path(temporary)
        source, captions = gallery(work, count, options.dim, quick=options.quick)
        queries = captions[np.random.default_rng(1).permutation(len(captions))[:n_queries]]
        truth = nearest_ids(source, queries, K)
        file = Path(temporary) / "index.faiss"
        with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            build_s, peak_gb = pool.apply(build, (file, Path(source.rows.filename)))
            pool.apply(serve, (file, queries[:1]))
            served = pool.apply(serve, (file, queries))
        size_gb = file.stat().st_size / 1e9
    ms = 1000 * served.query_s
    rows = [
        Row("build", build_s, "s"),
        Row("build: memory", peak_gb, "GB at most"),
        Row("file", size_gb, "GB"),
        Row("second start", served.open_s, "s"),
        Row("first question", 1000 * served.first_s, "ms"),
        Row("question, p50", float(np.percentile(ms, 50)), "ms", at_most=20),
        Row("question, p95", float(np.percentile(ms, 95)), "ms"),
        Row("ann_recall@10", ann_recall(served.ids, truth), "", at_least=0.95),
        Row("memory of its own while serving", served.own_gb, "GB"),
        Row("resident while serving", served.resident_gb, "GB", at_most=6),
    ]
    parameters: dict[str, object] = {"n": count, "d": options.dim, "k": K, "queries": n_queries}
    record("ten_million", str(__doc__).split("\n", 1)[0], parameters, rows)


if __name__ == "__main__":
    main()
