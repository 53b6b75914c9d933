"""How many questions a second does a large index answer at the same recall, at what cost?

Beside hnswlib, usearch, FAISS's HNSW and IVF, and NumPy (`vector_contenders.py`), on jittered
copies of real embeddings with real captions (`real_vectors.py`). Each builds in one process and
answers in another that opens what was built; one thread. Times are of the thread's processor, so
that a busy machine matters less. Memory is what a process has of its own once it has answered all
questions; the pages of files that it looked at beside that are the system's, which takes them back
when it needs them, and are told as well.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.plot import line_plot
from benchmarks.real_vectors import Gallery, ann_recall, gallery, nearest_ids
from benchmarks.record import Row, record
from benchmarks.vector_contenders import CONTENDERS, K
from mmsearch.types import Embeddings

ENOUGH = 0.95
OURS, PEER = "mmsearch", "hnswlib"


@dataclass(frozen=True, slots=True)
class Task:
    """What a contender is asked: `truth` `(q, k)` ids from 1 for `queries` `(q, d)`."""

    work: Path
    rows: Path
    queries: Embeddings
    truth: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Point:
    """A setting, its recall and its median seconds a query."""

    setting: str
    recall: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Result:
    """One contender: seconds of a processor to build, MB of its own and mapped, its points."""

    name: str
    build_s: float
    own_mb: float
    mapped_mb: float
    curve: tuple[Point, ...]

    @property
    def best(self) -> Point | None:
        """The quickest setting with recall enough."""
        good = [point for point in self.curve if point.recall >= ENOUGH]
        return min(good, key=lambda point: point.seconds) if good else None

    def seconds_at(self, recall: float) -> float:
        """What a query takes at a recall, between the points measured; the nearest one outside."""
        points = sorted((point.recall, point.seconds) for point in self.curve)
        return float(np.interp(recall, *zip(*points, strict=True)))


def main() -> None:
    """Build and ask each in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--work", type=Path, help="keep the gallery here between runs")
    parser.add_argument("--only", nargs="*", default=list(CONTENDERS), choices=list(CONTENDERS))
    options = parser.parse_args()
    count, n_queries = (120_000, 200) if options.quick else (options.count, 1000)
    names = [OURS, PEER] if options.quick else options.only
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        source, captions = gallery(work, count, options.dim, quick=options.quick)
        queries = captions[np.random.default_rng(1).permutation(len(captions))[:n_queries]]
        truth = nearest_ids(source, queries, K)
        task = Task(work, Path(source.rows.filename), queries, truth)
        results = [contest(name, task) for name in names]
    parameters: dict[str, object] = {"n": count, "d": options.dim, "k": K, "queries": n_queries}
    parameters["curves"] = {
        one.name: [(point.setting, point.recall, point.seconds) for point in one.curve]
        for one in results
    }
    question = str(__doc__).split("\n", 1)[0]
    _tell(results, parameters, question)


def contest(name: str, task: Task) -> Result:
    """One contender, which builds in one process and is asked in another."""
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        build_s = pool.apply(build, (name, task))
        return pool.apply(ask, (name, task, build_s))


def build(name: str, task: Task) -> float:
    """Seconds of a processor until the file is written."""
    faiss.omp_set_num_threads(1)
    path = task.work / f"{name}.index"
    path.unlink(missing_ok=True)
    started = time.process_time()
    CONTENDERS[name].build(_source(task), path)
    return time.process_time() - started


def ask(name: str, task: Task, build_s: float) -> Result:
    """All questions with all settings; the file is removed."""
    faiss.omp_set_num_threads(1)
    before = _memory_mb()
    path = task.work / f"{name}.index"
    curve: list[Point] = []
    after = before
    for setting, search in CONTENDERS[name].open(path, _source(task)).items():
        found, seconds = [], []
        for number in range(len(task.queries)):
            query = task.queries[number : number + 1]
            begun = time.thread_time()
            found.append(search(query)[0])
            seconds.append(time.thread_time() - begun)
        recall = ann_recall(np.array(found), task.truth)
        after = after if curve else _memory_mb()  # a scan of everything maps all pages
        curve.append(Point(setting, recall, float(np.median(seconds))))
    path.unlink(missing_ok=True)
    return Result(name, build_s, after[0] - before[0], after[1] - before[1], tuple(curve))


def _source(task: Task) -> Gallery:
    return Gallery(np.load(task.rows, mmap_mode="r"))


def _rows(result: Result) -> list[Row]:
    """What is told of one contender."""
    rows = [
        Row(f"{result.name}: build", result.build_s, "s of a processor"),
        Row(f"{result.name}: memory of its own", result.own_mb, "MB"),
        Row(f"{result.name}: pages of files touched", result.mapped_mb, "MB"),
    ]
    best = result.best
    if best is not None:
        at_least = ENOUGH if result.name == OURS else None
        rows += [
            Row(f"{result.name}: {best.setting}", 1e6 * best.seconds, "us a query, median"),
            Row(f"{result.name}: {best.setting}, ann_recall@10", best.recall, "", at_least),
        ]
    return rows


def _tell(results: Sequence[Result], parameters: dict[str, object], question: str) -> None:
    """A table, JSON and the curves as a plot; ours is held against hnswlib at the same recall."""
    by_name = {result.name: result for result in results}
    rows = [row for result in results for row in _rows(result)]
    if {OURS, PEER} <= set(by_name) and (best := by_name[OURS].best) is not None:
        ours, peer = by_name[OURS], by_name[PEER]
        qps = peer.seconds_at(best.recall) / best.seconds
        with_files = (ours.own_mb + ours.mapped_mb) / (peer.own_mb + peer.mapped_mb)
        rows += [
            Row("questions a second, ours / hnswlib at our recall", qps, "x", at_least=1.5),
            Row("build, ours / hnswlib", ours.build_s / peer.build_s, "x", at_most=0.5),
            Row("memory, ours / hnswlib", ours.own_mb / peer.own_mb, "x", at_most=0.35),
            Row("memory with pages of files, ours / hnswlib", with_files, "x"),
        ]
    record("vector_search", question, parameters, rows)
    lines = {
        result.name: [(1 - point.recall + 1e-4, 1e6 * point.seconds) for point in result.curve]
        for result in results
    }
    title = f"{parameters['n']:,} real-like embeddings, real captions, one thread"
    line_plot("vector_search", title, lines, ("missed of the 10 nearest, share", "us a query"))


def _memory_mb() -> tuple[float, float]:
    """What the process holds of its own, once what it has freed is given back, and of files."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    values = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Rss")}
    return float(values["RssAnon"]) / 1000, float(values["RssFile"]) / 1000


if __name__ == "__main__":
    main()
