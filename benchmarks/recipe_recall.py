"""What does each recipe for large indexes find of the 10 nearest, and cost in memory a picture?

Each at the smallest gallery it is chosen for and at the largest before the next: jittered copies
of real embeddings, real captions (`real_vectors.py`).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import faiss
import numpy as np

from benchmarks.real_vectors import Gallery, ann_recall, build_index, gallery, nearest_ids
from benchmarks.record import Row, record
from mmsearch.types import Embeddings
from mmsearch.vectors import FaissIndex
from mmsearch.vectors.recipes import RECIPES, recipe_for

K = 10
MOST = 3_500_000
"""Beyond, `ten_million.py` measures."""


def sizes(*, quick: bool) -> list[int]:
    """Galleries to build: both ends of each recipe with lists."""
    bounds = [recipe.min_count for recipe in RECIPES if recipe.lists is not None]
    if quick:
        return bounds[:1]
    ends = [size for low, high in pairwise(bounds) for size in (low, high - 1)]
    return [*ends, *(size for size in (bounds[-1],) if size <= MOST)]


def measured(source: Gallery, queries: Embeddings, file: Path) -> list[Row]:
    """Recall, time and bytes of an index of `source`."""
    truth = nearest_ids(source, queries, K)
    build_index(source, file)
    index = FaissIndex.open(file, source.dim)
    faiss.omp_set_num_threads(1)
    ids, taken = [], []
    for number in range(len(queries)):
        started = time.thread_time()
        ids.append(index.search(queries[number : number + 1], K).ids[0])
        taken.append(time.thread_time() - started)
    count = source.count()
    name = f"{recipe_for(count).name}, {count:,}"
    codes = source.dim * 2
    return [
        Row(f"{name}: ann_recall@10", ann_recall(np.array(ids), truth), "", at_least=0.95),
        Row(f"{name}: a query", 1e6 * float(np.median(taken)), "us, median"),
        Row(f"{name}: mapped from the file", codes, "bytes a picture"),
        Row(f"{name}: in memory", file.stat().st_size / count - codes, "bytes a picture"),
    ]


def main() -> None:
    """Build and ask each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--work", type=Path, help="keep the real embeddings here between runs")
    options = parser.parse_args()
    threads = faiss.omp_get_max_threads()
    n_queries = 200 if options.quick else 1000
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        for count in sizes(quick=options.quick):
            faiss.omp_set_num_threads(threads)
            source, captions = gallery(work, count, options.dim, quick=options.quick)
            queries = captions[np.random.default_rng(1).permutation(len(captions))[:n_queries]]
            rows += measured(source, queries, Path(temporary) / "index.faiss")
            Path(source.rows.filename).unlink()
    parameters: dict[str, object] = {"d": options.dim, "k": K, "queries": n_queries, "seed": 0}
    record("recipe_recall", str(__doc__).split("\n", 1)[0], parameters, rows)


if __name__ == "__main__":
    main()
