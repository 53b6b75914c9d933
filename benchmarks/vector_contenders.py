"""What builds and searches a large index: ours, and those that others would use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.real_vectors import Gallery, build_index
from mmsearch.types import Embeddings
from mmsearch.vectors import FaissIndex

K = 10

Search: TypeAlias = Callable[[Embeddings], NDArray[np.int64]]
"""Ids `(1, k)` of a query `(1, d)`."""
Settings: TypeAlias = dict[str, Search]


@dataclass(frozen=True, slots=True)
class Contender:
    """How an index is built into a file, and how it is asked once that is opened."""

    build: Callable[[Gallery, Path], None]
    open: Callable[[Path, Gallery], Settings]


def open_ours(path: Path, source: Gallery) -> Settings:
    """As a search opens it; exact below 100,000."""
    index = FaissIndex.open(path, source.dim)
    return {
        "as shipped": lambda query: index.search(query, K).ids,
        "exact": lambda query: index.search(query, K, exact=True).ids,
    }


def build_hnswlib(source: Gallery, path: Path) -> None:
    """M 16, ef_construction 200."""
    import hnswlib

    graph = hnswlib.Index("ip", source.dim)
    graph.init_index(source.count(), ef_construction=200, M=16, random_seed=0)
    for changes in source.changes_since(0):
        graph.add_items(changes.embeddings, changes.ids, num_threads=1)
    graph.save_index(str(path))


def open_hnswlib(path: Path, source: Gallery) -> Settings:
    """Asked with several sizes of its candidate list."""
    import hnswlib

    graph = hnswlib.Index("ip", source.dim)
    graph.load_index(str(path))

    def search(ef: int) -> Search:
        def ask(query: Embeddings) -> NDArray[np.int64]:
            graph.set_ef(ef)
            return graph.knn_query(query, K, num_threads=1)[0].astype(np.int64)

        return ask

    return {f"ef {ef}": search(ef) for ef in (32, 64, 80, 96, 112, 128, 160, 192, 256, 384)}


def build_usearch(source: Gallery, path: Path) -> None:
    """In float16, its defaults otherwise."""
    from usearch.index import Index

    graph = Index(ndim=source.dim, metric="ip", dtype="f16")
    for changes in source.changes_since(0):
        graph.add(changes.ids, changes.embeddings, threads=1)
    graph.save(str(path))


def open_usearch(path: Path, source: Gallery) -> Settings:
    """Asked with several sizes of its candidate list."""
    from usearch.index import Index

    graph = Index(ndim=source.dim, metric="ip", dtype="f16")
    graph.load(str(path))

    def search(expansion: int) -> Search:
        def ask(query: Embeddings) -> NDArray[np.int64]:
            graph.expansion_search = expansion
            keys = np.asarray(graph.search(query[0], K, threads=1).keys).astype(np.int64)
            return np.pad(keys, (0, K - len(keys)), constant_values=-1)[np.newaxis]

        return ask

    return {f"expansion {size}": search(size) for size in (32, 64, 96, 128, 192, 256, 384)}


def build_faiss_hnsw(source: Gallery, path: Path) -> None:
    """FAISS's HNSW32 over float32."""
    index = faiss.index_factory(source.dim, "HNSW32", faiss.METRIC_INNER_PRODUCT)
    _add(index, source)
    faiss.write_index(index, str(path))


def open_faiss_hnsw(path: Path, source: Gallery) -> Settings:  # noqa: ARG001 - of one shape
    """Asked with several sizes of its candidate list."""
    index = faiss.read_index(str(path))
    sizes = (16, 32, 64, 128, 192, 256, 384)
    return {
        f"ef {ef}": _asking(index, faiss.SearchParametersHNSW(efSearch=ef))  # type: ignore[attr-defined]
        for ef in sizes
    }


def build_faiss_ivf(source: Gallery, path: Path) -> None:
    """FAISS's IVFFlat with 4 sqrt(n) lists."""
    n_lists = int(4 * source.count() ** 0.5)
    index = faiss.index_factory(source.dim, f"IVF{n_lists},Flat", faiss.METRIC_INNER_PRODUCT)
    chosen = np.random.default_rng(0).permutation(source.count())[: 40 * n_lists]
    index.train(source.rows[np.sort(chosen)].astype(np.float32))
    _add(index, source)
    faiss.write_index(index, str(path))


def open_faiss_ivf(path: Path, source: Gallery) -> Settings:  # noqa: ARG001 - of one shape
    """Asked with several counts of lists."""
    index = faiss.read_index(str(path))
    probes = (4, 8, 16, 32, 64, 128)
    return {f"nprobe {n}": _asking(index, faiss.SearchParametersIVF(nprobe=n)) for n in probes}


def open_numpy(path: Path, source: Gallery) -> Settings:  # noqa: ARG001 - of one shape
    """One product with all embeddings in float32; nothing is built."""
    rows = source.rows.astype(np.float32)
    return {"all": lambda query: np.argsort(-(rows @ query[0]))[np.newaxis, :K] + 1}


CONTENDERS = {
    "mmsearch": Contender(build_index, open_ours),
    "hnswlib": Contender(build_hnswlib, open_hnswlib),
    "usearch": Contender(build_usearch, open_usearch),
    "FAISS HNSW32": Contender(build_faiss_hnsw, open_faiss_hnsw),
    "FAISS IVFFlat": Contender(build_faiss_ivf, open_faiss_ivf),
    "NumPy": Contender(lambda source, path: None, open_numpy),  # noqa: ARG005 - of one shape
}


def _add(index: faiss.Index, source: Gallery) -> None:
    for changes in source.changes_since(0):
        index.add(changes.embeddings)


def _asking(index: faiss.Index, parameters: faiss.SearchParameters) -> Search:
    return lambda query: index.search(query, K, params=parameters)[1] + 1
