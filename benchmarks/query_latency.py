"""How long does a question take from Python in a process that is warm, beside its bare parts?"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import mmsearch
from benchmarks.filled_library import fill
from benchmarks.plot import bar_plot
from benchmarks.record import Row, record
from mmsearch.config import load_settings
from mmsearch.encoders import EncoderOptions, load_dual_encoder
from mmsearch.types import Embeddings

K, SEED, BUDGET_P50_MS = 10, 0, 15.0
THINGS = ("dog", "cat", "rocket", "red car", "child", "bridge", "horse", "cup of coffee", "boat")
PLACES = ("on a beach", "in the snow", "at night", "in a city", "under a tree", "by a lake")


def questions(count: int) -> list[str]:
    """So many texts, no two alike: a library remembers the embeddings of texts."""
    rng = np.random.default_rng(SEED)
    return [f"{number} {rng.choice(THINGS)}s {rng.choice(PLACES)}" for number in range(count)]


def milliseconds(
    texts: list[str], ways: dict[str, Callable[[str], object]]
) -> dict[str, list[float]]:
    """What each way takes for each text, in turn; the first ten are not counted."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number, text in enumerate(texts):
        for name, way in ways.items():
            started = time.perf_counter()
            way(f"{text} {name}")
            if number >= 10:
                taken[name].append(1000 * (time.perf_counter() - started))
    return taken


def brute_force(rows: Embeddings, query: Embeddings) -> np.ndarray:
    """The best rows by a product with all of them, as everybody writes it."""
    scores = rows @ query
    best = np.argpartition(-scores, K)[:K]
    return best[np.argsort(-scores[best])]


def main() -> None:
    """Fill a library with rows, ask it, and time the text tower and a plain product beside it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--count", type=int, default=50_000)
    options = parser.parse_args()
    count, n = (2_000, 30) if options.quick else (options.count, 300)
    encoder = load_dual_encoder("mini", EncoderOptions(load_settings().cache, device="cpu"))
    rows = np.random.default_rng(SEED).standard_normal((count, encoder.space.dim), np.float32)
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        fill(home, count)
        with mmsearch.open(home=home) as library:
            ways: dict[str, Callable[[str], object]] = {
                "question": lambda text: library.query(text, k=K, rerank=0),
                "text tower alone": lambda text: encoder.encode_texts([text]),
                "NumPy product over all rows": lambda text: brute_force(rows, rows[len(text)]),
            }
            taken = milliseconds(questions(n), ways)
    table: list[Row] = []
    for name, times in taken.items():
        bar = BUDGET_P50_MS if name == "question" else None
        table.append(Row(f"{name}, p50", float(np.percentile(times, 50)), "ms", at_most=bar))
        table.append(Row(f"{name}, p95", float(np.percentile(times, 95)), "ms"))
    record("query_latency", str(__doc__), {"n": count, "k": K, "asked": n, "seed": SEED}, table)
    bar_plot(
        "query_latency",
        f"A warm question to {count:,} pictures",
        {r.name: r.value for r in table},
        "ms",
    )


if __name__ == "__main__":
    main()
