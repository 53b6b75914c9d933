"""Training of cross encoders; torch is imported by the two functions and not before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.training.reranker.config import (
    Drawing,
    DualData,
    ObjectiveWeights,
    RerankerTrainConfig,
)

if TYPE_CHECKING:
    from mmsearch.training.reranker.examples import Examples
    from mmsearch.training.reranker.language import LanguageStart
    from mmsearch.training.reranker.records import RerankerListener, RerankerResult

__all__ = [
    "Drawing",
    "DualData",
    "ObjectiveWeights",
    "RerankerTrainConfig",
    "train_reranker",
    "train_reranker_for",
]


def train_reranker(
    examples: Examples,
    start: LanguageStart,
    config: RerankerTrainConfig,
    out: Path,
    listener: RerankerListener | None = None,
) -> RerankerResult:
    """Train a cross encoder on examples; the result is a reranker's directory at `out`.

    `start` is where its language side begins; `examples.tokens` are of its tokenizer.

    Raises:
        ConfigError: Settings that contradict each other, or another run's output in the way.
        DatasetError: The examples are too few or don't fit together.
        ModelError: The reranker cannot be written.
    """
    from mmsearch.training.reranker.records import SilentReranker
    from mmsearch.training.reranker.run import run_on_examples

    return run_on_examples(examples, start, config, out, listener or SilentReranker())


def train_reranker_for(
    data: DualData,
    config: RerankerTrainConfig,
    out: Path,
    listener: RerankerListener | None = None,
) -> RerankerResult:
    """Train a cross encoder for a dual encoder on captioned pictures.

    Raises:
        ConfigError: Settings that contradict each other, or another run's output in the way.
        DatasetError: The data cannot be read or holds too few usable pictures.
        ModelError: The dual encoder cannot be loaded, or the reranker cannot be written.
    """
    from mmsearch.training.reranker.records import SilentReranker
    from mmsearch.training.reranker.run import run_on_dual

    return run_on_dual(data, config, out, listener or SilentReranker())
