"""Lists of operations, random or given, done to a new index until something is wrong."""

from __future__ import annotations

import itertools
import logging
import random
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from tests.large_index import lowered_thresholds
from tests.model_test.actions import Places
from tests.model_test.disk import Disk
from tests.model_test.machine import Machine
from tests.model_test.operations import Draw, Operation
from tests.model_test.zygote import Zygote

STOPPED_SHARE = 0.5
"""So many of the operations that can be stopped run in a process that may die."""

Source = Callable[[Disk], Iterable[Operation]]
"""Gives operations; may look at the disk as it is when the next one is taken."""


@dataclass(slots=True)
class Trial:
    """What became of a list of operations; `wrong` is what the last one of `done` left.

    `large`: the index was kept as a large one is, by lowered thresholds.
    """

    seed: int
    large: bool = False
    done: list[Operation] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def n_killed(self) -> int:
        """How many processes died."""
        return sum(count for kind, count in self.counts.items() if kind.endswith(" killed"))


def random_trial(
    seed: int,
    count: int,
    zygote: Zygote,
    stopped_share: float = STOPPED_SHARE,
    *,
    large: bool = False,
) -> Trial:
    """`count` random operations, or fewer, if one leaves something wrong."""

    def drawn(disk: Disk) -> Iterator[Operation]:
        draw = Draw(random.Random(seed), disk, stopped_share)
        return itertools.islice(iter(draw.operation, None), count)

    return _trial(Trial(seed, large), drawn, zygote)


def replay(
    operations: list[Operation], zygote: Zygote, seed: int = 0, *, large: bool = False
) -> Trial:
    """The same with given operations; `seed` gives the questions."""
    return _trial(Trial(seed, large), lambda _: operations, zygote)


def _trial(trial: Trial, source: Source, zygote: Zygote) -> Trial:
    started = time.perf_counter()
    logger = logging.getLogger("mmsearch.vectors")
    before = logger.level
    logger.setLevel(logging.ERROR)  # it warns of each vector file that was damaged on purpose
    with (
        lowered_thresholds() if trial.large else nullcontext(),
        tempfile.TemporaryDirectory(prefix="mmsearch-model-") as folder,
    ):
        machine = Machine(Places(Path(folder), trial.large), zygote, trial.seed)
        for operation in source(machine.disk):
            trial.done.append(operation)
            trial.wrong = _step(machine, operation)
            if trial.wrong:
                break
        machine.close()
        trial.counts = machine.counts
    logger.setLevel(before)
    trial.seconds = time.perf_counter() - started
    return trial


def _step(machine: Machine, operation: Operation) -> list[str]:
    """What is wrong after an operation; a crash is too, and is shrunk like anything else."""
    try:
        return machine.step(operation)
    except Exception as exc:  # noqa: BLE001 - told in full
        return [f"{type(exc).__name__}: {exc}", traceback.format_exc()]
