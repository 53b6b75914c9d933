"""What does exact search cost a query when many ask at once, by a scan for each and by products?"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from benchmarks.in_turn import in_turn
from benchmarks.record import Row, record
from mmsearch.types import Embeddings
from mmsearch.vectors.ranking import nearest_by_products, nearest_by_scan
from mmsearch.vectors.recipes import recipe_for
from mmsearch.vectors.rows import Rows

QUERIES = (1, 4, 8, 16, 32, 64)
DIM, K, SEED = 512, 20, 0


def main() -> None:
    """Search one gallery both ways in turn; processor time, so that a busy machine is no matter."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--count", type=int, default=50_000)
    options = parser.parse_args()
    count, runs = (10_000, 3) if options.quick else (options.count, 9)
    rows = Rows.empty(recipe_for(0), DIM)
    rows.append(np.arange(count), unit_rows(count, SEED))
    measured: list[Row] = []
    for n_queries in QUERIES:
        queries = unit_rows(n_queries, SEED + 1)
        taken = in_turn(
            runs,
            lambda queries=queries: nearest_by_scan(rows, queries, K, None),
            lambda queries=queries: nearest_by_products(rows, queries, K, None),
            clock=time.process_time,
        )
        scan, products = map(statistics.median, taken)
        name = f"{n_queries} at once"
        measured += [
            Row(f"{name}, scan", 1000 * scan / n_queries, "ms of a processor a query, median"),
            Row(f"{name}, products", 1000 * products / n_queries, "ms likewise"),
            Row(f"{name}, scan / products", scan / products, "x"),
        ]
    parameters: dict[str, object] = {"n": count, "d": DIM, "k": K, "runs": runs, "seed": SEED}
    record("batched_search", str(__doc__), parameters, measured)


def unit_rows(count: int, seed: int) -> Embeddings:
    """Random embeddings `(n, d)`, L2-normalised."""
    rows = np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


if __name__ == "__main__":
    main()
