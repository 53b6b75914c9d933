"""The state of an unfinished run on disk, replaced atomically.

Random numbers need no place in it: all are functions of the seed, the epoch and the step.
"""

from __future__ import annotations

import os
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from mmsearch.errors import ConfigError
from mmsearch.evaluation.report import Recalls, RetrievalMetrics
from mmsearch.training.average import WeightAverage
from mmsearch.training.records import EpochRecord
from mmsearch.training.step import Learner

_STATE = "state.pt"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a run stands: `step` steps of `epoch` are done (epochs from 1), with what so far.

    `loss_sum` is over this epoch's steps; `elapsed_s` counts all sittings.
    """

    epoch: int = 1
    step: int = 0
    loss_sum: float = 0.0
    elapsed_s: float = 0.0
    epoch_s: float = 0.0
    records: tuple[EpochRecord, ...] = ()


def save_checkpoint(
    folder: Path, learner: Learner, average: WeightAverage, position: Position, fingerprint: str
) -> None:
    """Write the run's state; a kill at any moment leaves the old or the new one."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        "fingerprint": fingerprint,
        "model": learner.network.model.state_dict(),
        "optimizer": learner.optimizer.state_dict(),
        "scaler": learner.scaler.state_dict(),
        "average": average.state(),
        "position": asdict(position),
    }
    beside = folder / f".{_STATE}"
    with beside.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / _STATE)


def load_checkpoint(
    folder: Path, learner: Learner, average: WeightAverage, fingerprint: str
) -> Position | None:
    """Where the run stood, its state restored; None if it never got as far.

    Raises:
        ConfigError: The state is of a run with other settings, or damaged.
    """
    file = folder / _STATE
    if not file.is_file():
        return None
    way_out = "give the settings it was started with, another --out, or start over (--restart)"
    try:
        state = torch.load(file, map_location=learner.network.device, weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as exc:
        raise ConfigError(f"{file}: the unfinished run cannot be read ({exc}): {way_out}") from exc
    if state["fingerprint"] != fingerprint:
        raise ConfigError(f"{folder.parent}: an unfinished run with other settings: {way_out}")
    learner.network.model.load_state_dict(state["model"])
    learner.optimizer.load_state_dict(state["optimizer"])
    learner.scaler.load_state_dict(state["scaler"])
    average.restore(state["average"]["steps"], state["average"]["averages"])
    saved = dict(state["position"])
    saved["records"] = tuple(_record(entry) for entry in saved["records"])
    return Position(**saved)


def _record(entry: dict[str, object]) -> EpochRecord:
    """The record that `asdict` took apart."""
    values = dict(entry)
    ways = values.pop("metrics")
    if not isinstance(ways, dict):
        raise ConfigError("the unfinished run's records are damaged: start over (--restart)")
    metrics = RetrievalMetrics(Recalls(**ways["text_to_image"]), Recalls(**ways["image_to_text"]))
    return EpochRecord(metrics=metrics, **values)  # type: ignore[arg-type]  # asdict's own fields
