"""The state of an unfinished run on disk, replaced atomically.

Random numbers need no place in it: all are functions of the seed, the epoch and the step.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

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
    state = {
        "model": learner.network.model.state_dict(),
        "optimizer": learner.optimizer.state_dict(),
        "scaler": learner.scaler.state_dict(),
        "average": average.state(),
        "position": asdict(position),
    }
    write_state(folder, state, fingerprint)


def write_state(folder: Path, state: Mapping[str, object], fingerprint: str) -> None:
    """Replace the state of a run in `folder` atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f".{_STATE}"
    with beside.open("wb") as file:
        torch.save({"fingerprint": fingerprint, **state}, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / _STATE)


def read_state(folder: Path, fingerprint: str, device: torch.device) -> Mapping[str, object] | None:
    """What `write_state` was given, tensors on `device`; None where it never was.

    Raises:
        ConfigError: The state is of a run with other settings, or damaged.
    """
    file = folder / _STATE
    if not file.is_file():
        return None
    way_out = "give the settings it was started with, another --out, or start over (--restart)"
    try:
        state: Mapping[str, object] = torch.load(file, map_location=device, weights_only=True)
    except Exception as exc:  # a damaged archive makes torch raise whatever it likes
        line = " ".join(str(exc).split())[:200]
        raise ConfigError(f"{file}: the unfinished run cannot be read ({line}): {way_out}") from exc
    if not isinstance(state, dict) or state.get("fingerprint") != fingerprint:
        raise ConfigError(f"{folder.parent}: an unfinished run with other settings: {way_out}")
    return state


def drop_state(folder: Path) -> None:
    """Forget the state of a run, if there is one."""
    (folder / _STATE).unlink(missing_ok=True)


def load_checkpoint(
    folder: Path, learner: Learner, average: WeightAverage, fingerprint: str
) -> Position | None:
    """Where the run stood, its state restored; None if it never got as far.

    Raises:
        ConfigError: The state is of a run with other settings, or damaged.
    """
    state = read_state(folder, fingerprint, learner.network.device)
    if state is None:
        return None
    learner.network.model.load_state_dict(cast("dict[str, Tensor]", state["model"]))
    learner.optimizer.load_state_dict(cast("dict[str, object]", state["optimizer"]))
    learner.scaler.load_state_dict(cast("dict[str, object]", state["scaler"]))
    restore_average(average, state["average"])
    saved = dict(cast("dict[str, object]", state["position"]))
    entries = cast("Sequence[dict[str, object]]", saved.pop("records"))
    records = tuple(_record(entry) for entry in entries)
    return Position(records=records, **saved)  # type: ignore[arg-type]  # asdict's own fields


def restore_average(average: WeightAverage, state: object) -> None:
    """Put back what `average.state()` gave."""
    values = cast("dict[str, object]", state)
    average.restore(cast("int", values["steps"]), cast("list[Tensor]", values["averages"]))


def saved_metrics(ways: object) -> RetrievalMetrics:
    """The metrics that `asdict` took apart.

    Raises:
        ConfigError: They are something else.
    """
    if not isinstance(ways, dict):
        raise ConfigError("the unfinished run's records are damaged: start over (--restart)")
    return RetrievalMetrics(Recalls(**ways["text_to_image"]), Recalls(**ways["image_to_text"]))


def _record(entry: dict[str, object]) -> EpochRecord:
    """The record that `asdict` took apart."""
    values = dict(entry)
    metrics = saved_metrics(values.pop("metrics"))
    return EpochRecord(metrics=metrics, **values)  # type: ignore[arg-type]  # asdict's own fields
