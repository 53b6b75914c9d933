"""Small training runs of rerankers, and a module that runs one in a process of its own.

`python -m tests.integration.training.reranker_runs OUT KILL_AT` trains on toy examples; KILL_AT is
the number of the step after which the process kills itself, as the power might.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from mmsearch.rerank.config import RerankerConfig
from mmsearch.training.reranker import (
    Drawing,
    DualData,
    RerankerTrainConfig,
    train_reranker,
    train_reranker_for,
)
from mmsearch.training.reranker.records import (
    Losses,
    RerankerListener,
    RerankerResult,
    SilentReranker,
)
from tests.unit.training.reranker.toy import toy_config, toy_examples, toy_language


def train_on_toy(out: Path, listener: RerankerListener | None = None) -> RerankerResult:
    """A run of seconds that saves its state after every step."""
    config = replace(toy_config(), checkpoint_steps=1, amp="on")
    return train_reranker(toy_examples(), toy_language(), config, out, listener)


def small_run(
    folder: Path, out: Path, listener: RerankerListener, max_minutes: float | None = None
) -> RerankerResult:
    """A run on the pictures of `runs.make_data`, for its tiny model."""
    data = DualData(
        data=folder / "captions.csv",
        images=folder / "pictures",
        model=str(folder / "model"),
        cache_dir=folder / "cache",
        val_fraction=0.3,
        decode_workers=1,
    )
    network = RerankerConfig(
        dropout=0.0,
        max_tokens=12,
        language_layers=1,
        width=32,
        heads=4,
        cross_layers=1,
        align_width=16,
        rows=2,
        columns=2,
        channels=12,
    )
    config = RerankerTrainConfig(
        network=network,
        drawing=Drawing(seeds=3, neighbours=2, masked_pairs=4),
        frozen_layers=1,
        dual_channels=8,
        steps=4,
        validate_steps=4,
        checkpoint_steps=1,
        val_queries=20,
        final_queries=20,
        val_batches=1,
        depth=8,
        max_minutes=max_minutes,
    )
    return train_reranker_for(data, config, out, listener)


class KilledAt(SilentReranker):
    """Ends its own process without a word after some steps."""

    def __init__(self, step: int) -> None:
        self._step = step

    def on_step(self, step: int, steps: int, losses: Losses) -> None:
        """Die when the time has come; the step itself is then not yet saved."""
        if step == self._step:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    train_on_toy(Path(sys.argv[1]), KilledAt(int(sys.argv[2])))
