"""How near to the memory's speed is an exact scan of a large index, for one question?

The limit is what reading the same bytes takes: NumPy's sum of them as integers, by as many threads
as the scan uses, in turn with it. What counts is the median of the ratios of the pairs.
"""

from __future__ import annotations

import argparse
import statistics
from concurrent.futures import ThreadPoolExecutor

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.in_turn import in_turn
from benchmarks.record import Row, record
from mmsearch.types import Embeddings
from mmsearch.vectors.ranking import nearest_by_scan
from mmsearch.vectors.recipes import recipe_for
from mmsearch.vectors.rows import Rows

K = 10
AT_ONCE = 1 << 16


def filled(count: int, dim: int) -> Rows:
    """Rows of random embeddings: a scan does not depend on what it reads."""
    rows = Rows.empty(recipe_for(0), dim)
    for first in range(0, count, AT_ONCE):
        ids = np.arange(first, min(first + AT_ONCE, count))
        rows.append(ids, embeddings(len(ids), dim, first))
    return rows


def embeddings(count: int, dim: int, seed: int) -> Embeddings:
    """L2-normalised random rows `(count, dim)`."""
    rows = np.random.default_rng(seed).standard_normal((count, dim), np.float32)
    unit: Embeddings = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def read_all(codes: NDArray[np.uint8], threads: ThreadPoolExecutor, n_threads: int) -> None:
    """Read every byte, by so many threads."""
    words = codes.reshape(-1).view(np.uint64)
    list(threads.map(np.add.reduce, np.array_split(words, n_threads)))


def main() -> None:
    """Scan and read in turn, with one thread and with all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=256)
    options = parser.parse_args()
    count, runs = (200_000, 5) if options.quick else (options.count, 25)
    rows, query = filled(count, options.dim), embeddings(1, options.dim, 1)
    codes, cores = rows.codes(), faiss.omp_get_max_threads()
    table: list[Row] = []
    with ThreadPoolExecutor(cores) as threads:
        for n_threads in sorted({1, cores}):
            faiss.omp_set_num_threads(n_threads)
            scan, read = in_turn(
                runs,
                lambda: nearest_by_scan(rows, query, K, None),
                lambda n=n_threads: read_all(codes, threads, n),  # type: ignore[misc]
            )
            ratio = statistics.median(s / r for s, r in zip(scan, read, strict=True))
            reading = statistics.median(read)
            label = f"{n_threads} thread{'s' * (n_threads > 1)}"
            table += [
                Row(f"{label}: scan", 1000 * statistics.median(scan), "ms, median"),
                Row(f"{label}: reading the same bytes", 1000 * reading, "ms, median"),
                Row(f"{label}: bandwidth", codes.nbytes / reading / 1e9, "GB/s"),
                Row(f"{label}: ratio", ratio, "x", at_most=1.25 if n_threads == cores else None),
            ]
    parameters: dict[str, object] = {"n": count, "d": options.dim, "k": K, "runs": runs}
    record("exact_scan", str(__doc__).split("\n", 1)[0], parameters, table)


if __name__ == "__main__":
    main()
