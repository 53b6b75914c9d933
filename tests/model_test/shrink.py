"""Makes a failing list of operations as short as it can be, and keeps it.

Delta debugging (Zeller and Hildebrandt 2002, "Simplifying and Isolating Failure-Inducing Input",
section 3): runs of operations are left out, ever shorter ones, as long as the rest still fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from tests.model_test.operations import Arguments, Operation
from tests.model_test.trials import Trial, replay
from tests.model_test.zygote import Zygote

KEPT = Path(__file__).parent / "kept"

Fails = Callable[[list[Operation]], bool]


@dataclass(frozen=True, slots=True)
class Kept:
    """What failed once, to be done again."""

    seed: int
    operations: list[Operation]
    large: bool = False

    def replay(self, zygote: Zygote) -> Trial:
        """What becomes of it now."""
        return replay(self.operations, zygote, self.seed, large=self.large)


def shrunk(operations: list[Operation], fails: Fails) -> list[Operation]:
    """Operations that still fail, none of which can be left out or made smaller alone."""
    shortest = _without_runs(operations, fails)
    while True:
        smaller = next((one for one in _smaller(shortest) if fails(one)), None)
        if smaller is None:
            return shortest
        shortest = smaller


def keep(trial: Trial, operations: list[Operation], folder: Path = KEPT) -> Path:
    """The file that holds a failing list, with what was wrong, for the short test to replay."""
    folder.mkdir(exist_ok=True)
    shape = {
        "seed": trial.seed,
        "large": trial.large,
        "wrong": [what.splitlines()[0][:300] for what in trial.wrong[:3]],
        "operations": [one.shape() for one in operations],
    }
    file = folder / f"seed_{trial.seed}.json"
    file.write_text(json.dumps(shape, indent=1) + "\n", "utf-8")
    return file


def kept(file: Path) -> Kept:
    """What such a file holds."""
    shape = json.loads(file.read_text("utf-8"))
    operations = [Operation.of(one) for one in shape["operations"]]
    return Kept(shape["seed"], operations, shape.get("large", False))


def _without_runs(operations: list[Operation], fails: Fails) -> list[Operation]:
    """Leave out runs of half the length, then of half that, down to single operations."""
    length = len(operations) // 2
    while length:
        start = 0
        while start < len(operations):
            rest = operations[:start] + operations[start + length :]
            if rest and fails(rest):
                operations = rest
            else:
                start += length
        length //= 2
    return operations


def _smaller(operations: list[Operation]) -> Iterator[list[Operation]]:
    """The same with one item of one operation's lists left out, or one operation undisturbed."""
    for number, operation in enumerate(operations):
        for simpler in _simpler(operation):
            yield [*operations[:number], simpler, *operations[number + 1 :]]


def _simpler(operation: Operation) -> Iterator[Operation]:
    if operation.plan:
        yield replace(operation, how="long", plan={})
    for name, value in operation.arguments.items():
        if isinstance(value, list) and len(value) > 1:
            for place in range(len(value)):
                arguments = {**operation.arguments, name: value[:place] + value[place + 1 :]}
                if operation.kind != "together":
                    yield replace(operation, arguments=cast("Arguments", arguments))
