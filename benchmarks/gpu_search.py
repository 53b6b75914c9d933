"""How many questions a second does a GPU answer over a large index, beside the CPU's lists?

Jittered copies of real embeddings, asked with real captions (`real_vectors.py`). mmsearch's index
is built and saved once; then it answers with its lists on the CPU, with all cores, and with a copy
of them on the GPU. FAISS's own GPU indexes are built on the GPU: exact ones in float32 and float16,
inverted lists with float32 and 8-bit codes. torch's bare products in half precision are the work
that exact search cannot do without. One question at a time, and many at once; recall is against
exact search in float32.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.gpu import card, copy_gb_s, gpu_memory_gb, require_gpu
from benchmarks.gpu_contenders import Flat, K, Lists, Products, Search, nearest_ids, ours
from benchmarks.real_vectors import Gallery, ann_recall, build_index, gallery
from benchmarks.record import Row, record
from mmsearch.types import Embeddings
from mmsearch.vectors import FaissIndex

AT_ONCE = (1, 64, 1024)
ONE_BY_ONE = 300
_LEAST_RUNS, _ENOUGH_S = 3, 0.6


class Contest:
    """The questions, their answers, and what was measured."""

    def __init__(self, source: Gallery, queries: Embeddings, device: str) -> None:
        self._source = source
        self._queries = queries
        self._label = f"{source.count():,}"
        self._truth = nearest_ids(source, queries, device)
        self._device = device
        self.rows: list[Row] = []

    def add(self, name: str, value: float, unit: str) -> None:
        """Note a measured number."""
        self.rows.append(Row(f"{self._label}, {name}", value, unit))
        print(self.rows[-1], flush=True)

    def ask(self, name: str, search: Search) -> None:
        """How many questions a second, at each number of them at once, and the recall."""
        found = search(self._queries)
        self.add(f"{name}: ann_recall@{K}", ann_recall(found, self._truth), "")
        for count in AT_ONCE:
            taken = seconds(search, self._queries, count)
            self.add(f"{name}: {count} at once", count / statistics.median(taken), "questions/s")

    @contextmanager
    def building(self, name: str, *, there: bool = True) -> Iterator[None]:
        """Note the seconds, and the GPU's memory, that what happens inside takes."""
        there = there and self._device == "cuda"
        gc.collect()
        before = gpu_memory_gb() if there else 0.0
        started = time.perf_counter()
        yield
        self.add(f"{name}: build", time.perf_counter() - started, "s")
        if there:
            self.add(f"{name}: memory of the GPU", gpu_memory_gb() - before, "GB")


def seconds(search: Search, queries: Embeddings, count: int) -> list[float]:
    """Seconds of each search for `count` questions at once, the first not counted."""
    starts = range(0, max(1, len(queries) - count + 1), count)
    search(queries[:count])
    taken: list[float] = []
    while len(taken) < _LEAST_RUNS or (sum(taken) < _ENOUGH_S and len(taken) < ONE_BY_ONE):
        first = starts[len(taken) % len(starts)]
        started = time.perf_counter()
        search(queries[first : first + count])
        taken.append(time.perf_counter() - started)
    return taken


def measure(source: Gallery, queries: Embeddings, options: argparse.Namespace) -> list[Row]:
    """Every contender over one gallery."""
    contest = Contest(source, queries, options.device)
    with tempfile.TemporaryDirectory(dir=options.work) as temporary:
        _ours(contest, source, Path(temporary) / "index.faiss", options.device)
    contenders: dict[str, Flat | Lists | Products]
    contenders = {"torch, float16 products": Products(options.device)}
    if options.device == "cuda":
        contenders |= {
            "FAISS flat, float32": Flat(half=False),
            "FAISS flat, float16": Flat(half=True),
            "FAISS lists, float32": Lists("float32"),
            "FAISS lists, 8 bit": Lists("QT_8bit"),
        }
    for name, contender in contenders.items():
        try:
            with contest.building(name):
                search = contender.build(source)
            contest.ask(name, search)
        except RuntimeError as exc:  # a card too small for it is no reason to measure nothing
            print(f"{name}: {str(exc).strip().splitlines()[-1][:200]}")
        search = None
    return contest.rows


def _ours(contest: Contest, source: Gallery, file: Path, device: str) -> None:
    """Build on the CPU, save; then ask on the CPU, then on the GPU."""
    with contest.building("mmsearch, CPU", there=False):
        build_index(source, file)
    index = FaissIndex.open(file, source.dim)
    contest.ask("mmsearch, CPU", ours(index))
    if device == "cuda":
        with contest.building("mmsearch, GPU, copied there"):
            index.use_gpu()
        contest.ask("mmsearch, GPU", ours(index))


def galleries(
    options: argparse.Namespace, counts: Sequence[int]
) -> Iterator[tuple[Gallery, Embeddings]]:
    """Each size is the beginning of the largest, which is made once."""
    source, captions = gallery(options.work, max(counts), options.dim, quick=options.quick)
    order: NDArray[np.int64] = np.random.default_rng(1).permutation(len(captions))
    queries = np.ascontiguousarray(captions[order[: max(AT_ONCE)]])
    for count in counts:
        yield Gallery(source.rows[:count]), queries


def main() -> None:
    """Measure each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--counts", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--work", type=Path, help="keep the gallery here between runs")
    options = parser.parse_args()
    require_gpu(options.device)
    counts = [120_000] if options.quick else options.counts
    rows: list[Row] = []
    if options.device == "cuda":
        rows.append(Row("a copy in the GPU's memory", copy_gb_s("cuda"), "GB/s, read and written"))
    with tempfile.TemporaryDirectory() as temporary:
        options.work = options.work or Path(temporary)
        for source, queries in galleries(options, counts):
            rows += measure(source, queries, options)
    parameters: dict[str, object] = {"n": counts, "d": options.dim, "k": K}
    parameters |= {"questions": max(AT_ONCE), "cagra": hasattr(faiss, "GpuIndexCagra")}
    question = str(__doc__).split("\n", 1)[0]
    record("gpu_search", question, {**parameters, **card(options.device)}, rows)


if __name__ == "__main__":
    main()
