"""How many questions a second does a large index answer at 95 % of the nearest, at what cost?

Beside hnswlib, usearch, FAISS's HNSW and IVF, and NumPy, each in a process of its own, one thread,
on jittered copies of real embeddings with real captions (`real_vectors.py`). Times are of the
thread's processor, so that a busy machine matters less.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TypeAlias

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.real_vectors import Gallery, ann_recall, gallery, nearest_ids
from benchmarks.record import Row, record
from mmsearch.types import Embeddings
from mmsearch.vectors import FaissIndex

K, ENOUGH = 10, 0.95
Search: TypeAlias = Callable[[Embeddings], NDArray[np.int64]]
"""Ids `(1, k)` of a query `(1, d)`."""
Settings: TypeAlias = dict[str, Search]


@dataclass(frozen=True, slots=True)
class Task:
    """What a contender is asked: `truth` `(q, k)` ids from 1 for `queries` `(q, d)`."""

    work: Path
    rows: Path
    queries: Embeddings
    truth: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Result:
    """One contender: memory of its own and mapped, and `(setting, recall, seconds)` a query."""

    name: str
    build_s: float
    own_mb: float
    mapped_mb: float
    curve: tuple[tuple[str, float, float], ...]

    @property
    def best(self) -> tuple[str, float, float] | None:
        """The quickest setting with recall enough."""
        good = [one for one in self.curve if one[1] >= ENOUGH]
        return min(good, key=lambda one: one[2]) if good else None


def main() -> None:
    """Build and ask each in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--work", type=Path, help="keep the gallery here between runs")
    parser.add_argument("--only", nargs="*", default=list(CONTENDERS), choices=list(CONTENDERS))
    options = parser.parse_args()
    count, n_queries = (50_000, 200) if options.quick else (options.count, 1000)
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        source, captions = gallery(work, count, options.dim, quick=options.quick)
        queries = captions[np.random.default_rng(1).permutation(len(captions))[:n_queries]]
        truth = nearest_ids(source, queries, K)
        task = Task(work, Path(source.rows.filename), queries, truth)
        with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            results = [pool.apply(measure, (name, task)) for name in options.only]
    rows = [row for result in results for row in _rows(result, results)]
    parameters: dict[str, object] = {
        "n": count,
        "d": options.dim,
        "k": K,
        "queries": n_queries,
        "seed": 0,
        "curves": {result.name: result.curve for result in results},
    }
    record("vector_search", str(__doc__).split("\n", 1)[0], parameters, rows)


def measure(name: str, task: Task) -> Result:
    """One contender, in the calling process."""
    faiss.omp_set_num_threads(1)
    source = Gallery(np.load(task.rows, mmap_mode="r"))
    before = _memory_mb()
    started = time.process_time()
    settings = CONTENDERS[name](source, task.work)
    build_s = time.process_time() - started
    curve = []
    for setting, search in settings.items():
        found, seconds = [], []
        for number in range(len(task.queries)):
            query = task.queries[number : number + 1]
            begun = time.thread_time()
            found.append(search(query)[0])
            seconds.append(time.thread_time() - begun)
        recall = ann_recall(np.array(found), task.truth)
        curve.append((setting, recall, float(np.median(seconds))))
    gc.collect()
    after = _memory_mb()
    return Result(name, build_s, after[0] - before[0], after[1] - before[1], tuple(curve))


def ours(source: Gallery, work: Path) -> Settings:
    """The index of this package as a search opens it; exact below 100,000."""
    path = work / "ours.faiss"
    path.unlink(missing_ok=True)
    index = FaissIndex(path, source.dim)
    index.catch_up(source)
    index.save(train=True)
    del index
    opened = FaissIndex.open(path, source.dim)
    return {
        "as shipped": lambda query: opened.search(query, K).ids,
        "exact": lambda query: opened.search(query, K, exact=True).ids,
    }


def hnswlib_graph(source: Gallery, work: Path) -> Settings:  # noqa: ARG001 - of one shape
    """hnswlib, M 16, ef_construction 200."""
    import hnswlib

    graph = hnswlib.Index("ip", source.dim)
    graph.init_index(source.count(), ef_construction=200, M=16, random_seed=0)
    for changes in source.changes_since(0):
        graph.add_items(changes.embeddings, changes.ids, num_threads=1)

    def search(ef: int) -> Search:
        def ask(query: Embeddings) -> NDArray[np.int64]:
            graph.set_ef(ef)
            return graph.knn_query(query, K, num_threads=1)[0].astype(np.int64)

        return ask

    return {f"ef {ef}": search(ef) for ef in (16, 32, 64, 96, 128, 192, 256, 384, 512)}


def usearch_graph(source: Gallery, work: Path) -> Settings:  # noqa: ARG001 - of one shape
    """Usearch in float16, its defaults otherwise."""
    from usearch.index import Index

    graph = Index(ndim=source.dim, metric="ip", dtype="f16")
    for changes in source.changes_since(0):
        graph.add(changes.ids, changes.embeddings, threads=1)

    def search(expansion: int) -> Search:
        def ask(query: Embeddings) -> NDArray[np.int64]:
            graph.expansion_search = expansion
            keys = np.asarray(graph.search(query[0], K, threads=1).keys).astype(np.int64)
            return np.pad(keys, (0, K - len(keys)), constant_values=-1)[np.newaxis]

        return ask

    return {f"expansion {size}": search(size) for size in (32, 64, 128, 192, 256, 384, 512)}


def faiss_hnsw(source: Gallery, work: Path) -> Settings:  # noqa: ARG001 - of one shape
    """FAISS's HNSW32 over float32."""
    index = faiss.index_factory(source.dim, "HNSW32", faiss.METRIC_INNER_PRODUCT)
    _add(index, source)
    sizes = (16, 32, 64, 128, 192, 256, 384, 512)
    return {f"ef {ef}": _asking(index, faiss.SearchParametersHNSW(efSearch=ef)) for ef in sizes}


def faiss_ivf(source: Gallery, work: Path) -> Settings:  # noqa: ARG001 - of one shape
    """FAISS's IVFFlat with 4 sqrt(n) lists."""
    n_lists = int(4 * source.count() ** 0.5)
    index = faiss.index_factory(source.dim, f"IVF{n_lists},Flat", faiss.METRIC_INNER_PRODUCT)
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.permutation(source.count())[: 40 * n_lists])
    index.train(source.rows[chosen].astype(np.float32))
    _add(index, source)
    probes = (4, 8, 16, 32, 64, 128)
    return {f"nprobe {n}": _asking(index, faiss.SearchParametersIVF(nprobe=n)) for n in probes}


def numpy_scan(source: Gallery, work: Path) -> Settings:  # noqa: ARG001 - of one shape
    """One product with all embeddings in float32."""
    rows = source.rows.astype(np.float32)
    return {"all": lambda query: np.argsort(-(rows @ query[0]))[np.newaxis, :K] + 1}


CONTENDERS: dict[str, Callable[[Gallery, Path], Settings]] = {
    "mmsearch": ours,
    "hnswlib": hnswlib_graph,
    "usearch": usearch_graph,
    "FAISS HNSW32": faiss_hnsw,
    "FAISS IVFFlat": faiss_ivf,
    "NumPy": numpy_scan,
}


def _add(index: faiss.Index, source: Gallery) -> None:
    for changes in source.changes_since(0):
        index.add(changes.embeddings)


def _asking(index: faiss.Index, parameters: faiss.SearchParameters) -> Search:
    return lambda query: index.search(query, K, params=parameters)[1] + 1


def _rows(result: Result, results: Sequence[Result]) -> list[Row]:
    """What is told of one contender, and beside hnswlib."""
    rows = [
        Row(f"{result.name}: build", result.build_s, "s of a processor"),
        Row(f"{result.name}: memory of its own", result.own_mb, "MB"),
        Row(f"{result.name}: pages of a file", result.mapped_mb, "MB"),
    ]
    if result.best is not None:
        setting, recall, seconds = result.best
        rows += [
            Row(f"{result.name}: {setting}, questions", 1 / seconds, "a second, median"),
            Row(f"{result.name}: {setting}, ann_recall@10", recall, ""),
        ]
    for peer in results:
        if peer.name == "hnswlib" != result.name:
            rows.append(Row(f"{result.name} / hnswlib: build", result.build_s / peer.build_s, "x"))
            rows.append(Row(f"{result.name} / hnswlib: memory", result.own_mb / peer.own_mb, "x"))
            if peer.best is not None and result.best is not None:
                ratio = peer.best[2] / result.best[2]
                rows.append(Row(f"{result.name} / hnswlib: questions a second", ratio, "x"))
    return rows


def _memory_mb() -> tuple[float, float]:
    """What the process holds of its own, once what it has freed is given back, and of files."""
    ctypes.CDLL(None).malloc_trim(0)
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    values = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Rss")}
    return float(values["RssAnon"]) / 1000, float(values["RssFile"]) / 1000


if __name__ == "__main__":
    main()
