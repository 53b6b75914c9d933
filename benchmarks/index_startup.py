"""How soon is a large vector index ready when it is opened again, and for its first answer?

Each start is a process of its own; the time of importing is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks.real_vectors import build_index, gallery
from benchmarks.record import Row, record
from mmsearch.types import Embeddings
from mmsearch.vectors import FaissIndex

K = 10


def start(file: Path, query: Embeddings) -> tuple[float, float]:
    """Seconds to open the index, and from there to its first answer."""
    before = time.perf_counter()
    index = FaissIndex.open(file, query.shape[1])
    ready = time.perf_counter()
    index.search(query, K)
    return ready - before, time.perf_counter() - ready


def main() -> None:
    """Build one index, open it again and again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--work", type=Path, help="keep the gallery here between runs")
    options = parser.parse_args()
    count, starts = (120_000, 2) if options.quick else (options.count, 7)
    with tempfile.TemporaryDirectory(dir=options.work) as temporary:
        work = options.work or Path(temporary)
        source, captions = gallery(work, count, options.dim, quick=options.quick)
        file = Path(temporary) / "index.faiss"
        build_index(source, file)
        with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            taken = [pool.apply(start, (file, captions[at : at + 1])) for at in range(starts + 1)]
    opened, answered = np.array(taken[1:]).T
    rows = [
        Row("ready", statistics.median(opened), "s, median", at_most=1.0),
        Row("its first answer after that", 1000 * statistics.median(answered), "ms, median"),
    ]
    parameters: dict[str, object] = {"n": count, "d": options.dim, "starts": starts}
    record("index_startup", str(__doc__).split("\n", 1)[0], parameters, rows)


if __name__ == "__main__":
    main()
