"""The state of an unfinished run on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from torch import Tensor

from mmsearch.training.average import WeightAverage
from mmsearch.training.checkpoint import read_state, restore_average, write_state
from mmsearch.training.reranker.device import Compute
from mmsearch.training.reranker.learner import Learner
from mmsearch.training.reranker.model import RerankerModel
from mmsearch.training.reranker.records import Losses, RerankRecord, saved_record


@dataclass(frozen=True, slots=True)
class Position:
    """Where a run stands: `step` steps are done, with what so far.

    `losses` are those of the steps since the last record; `elapsed_s` counts all sittings,
    `record_s` the time since that record.
    """

    step: int = 0
    losses: tuple[Losses, ...] = ()
    elapsed_s: float = 0.0
    record_s: float = 0.0
    records: tuple[RerankRecord, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class RunState:
    """All that a run's future depends on, but its settings and examples.

    `best` are the weights of the best projection so far, which the written model has only
    composed with the reduction.
    """

    model: RerankerModel
    learner: Learner
    average: WeightAverage
    best: dict[str, Tensor]


def save_checkpoint(folder: Path, state: RunState, position: Position, fingerprint: str) -> None:
    """Write the run's state; a kill at any moment leaves the old or the new one."""
    values = {
        "model": state.model.state_dict(),
        "optimizer": state.learner.optimizer.state_dict(),
        "average": state.average.state(),
        "best": state.best,
        "position": asdict(position),
    }
    write_state(folder, values, fingerprint)


def load_checkpoint(
    folder: Path, state: RunState, fingerprint: str, compute: Compute
) -> Position | None:
    """Where the run stood, its `state` restored; None if it never got as far.

    Raises:
        ConfigError: The state is of a run with other settings, or damaged.
    """
    values = read_state(folder, fingerprint, compute.device)
    if values is None:
        return None
    state.model.load_state_dict(cast("dict[str, Tensor]", values["model"]))
    state.learner.optimizer.load_state_dict(cast("dict[str, object]", values["optimizer"]))
    restore_average(state.average, values["average"])
    state.best.update(cast("dict[str, Tensor]", values["best"]))
    saved = dict(cast("Mapping[str, object]", values["position"]))
    losses = cast("Sequence[dict[str, float | None]]", saved.pop("losses"))
    records = cast("Sequence[Mapping[str, object]]", saved.pop("records"))
    return Position(
        losses=tuple(Losses(**entry) for entry in losses),
        records=tuple(saved_record(entry) for entry in records),
        **saved,  # type: ignore[arg-type]  # asdict's own fields
    )
