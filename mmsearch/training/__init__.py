"""InfoNCE training of dual encoders; torch is imported by `train()` and not before."""

from __future__ import annotations

from mmsearch.training.config import TrainConfig
from mmsearch.training.records import EpochRecord, SilentTraining, TrainListener, TrainResult

__all__ = [
    "EpochRecord",
    "SilentTraining",
    "TrainConfig",
    "TrainListener",
    "TrainResult",
    "train",
]


def train(config: TrainConfig, listener: TrainListener | None = None) -> TrainResult:
    """Train a dual encoder; the result is a model directory at `config.out`.

    Raises:
        ConfigError: Settings that contradict each other, or another run's output in the way.
        DatasetError: The data cannot be read or holds too few usable pictures.
        ModelError: The model to start from cannot be loaded.
    """
    from mmsearch.training.run import run_training

    return run_training(config, listener or SilentTraining())
