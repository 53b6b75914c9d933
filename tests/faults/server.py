"""A warm process under the shim that tries faults when it is told to: `python -m … FOLDER`.

An order is a line of JSON on standard input, its answer one on standard output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults import shim

if TYPE_CHECKING:
    from tests.faults.bench import Bench

_YEAR_S = 365 * 24 * 3600

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Order:
    """What to try in a scene: so many "faults" in a place, losses of "power", or the "clock"."""

    scene: str
    count: int = 0
    seed: int = 0
    place: str = "home"
    way: str = "faults"


@dataclass(frozen=True, slots=True)
class Answer:
    """How many cases ended in which way, and what is wrong, a line each."""

    outcomes: dict[str, int]
    wrong: list[str]


class Client:
    """Gives orders to a warm process; `library` is the shim, for other processes."""

    def __init__(self, child: subprocess.Popen[str], library: Path) -> None:
        self.library = library
        self._child = child

    def ask(self, order: Order) -> Answer:
        """What came of an order."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(asdict(order)) + "\n")
        self._child.stdin.flush()
        line = self._child.stdout.readline()
        assert line, "the process under the shim has died"
        return Answer(**json.loads(line))


@contextmanager
def warm_process(folder: Path) -> Iterator[Client]:
    """A client of a process that keeps its work in a folder."""
    library = shim.build(folder)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **shim.environment(library)}
    with subprocess.Popen(
        [sys.executable, "-m", __name__, str(folder)],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        yield Client(child, library)
        assert child.stdin is not None
        child.stdin.close()


def _serve(folder: Path) -> None:
    from tests.faults.bench import Bench

    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    bench = Bench(folder)
    bench.warm_up()
    for line in sys.stdin:
        answer = _obey(bench, Order(**json.loads(line)))
        answers.write(json.dumps(asdict(answer)) + "\n")
        answers.flush()


def _obey(bench: Bench, order: Order) -> Answer:
    from tests.faults.plan import cases, power_losses, sample

    events = bench.undisturbed(order.scene).events[order.place]
    outcomes: Counter[str] = Counter()
    wrong: list[str] = []
    if order.way == "faults":
        for case in sample(cases(order.scene, order.place, events), order.count, order.seed):
            verdict = bench.run(case)
            outcomes[verdict.outcome] += 1
            wrong += [f"{case}: {difference}" for difference in verdict.differences]
    elif order.way == "power":
        for case in power_losses(order.scene, events, order.count, order.seed):
            outcomes["lost power"] += 1
            wrong += [f"{case}: {difference}" for difference in bench.lose_power(case)]
    else:
        outcomes["set back"] += 1
        wrong += bench.set_clock_back(order.scene, -_YEAR_S, 1)
    return Answer(dict(outcomes), wrong)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
