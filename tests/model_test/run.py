"""Does random operations on an index stopped at any moment ever leave what the model does not say?

By hand, for as long as one likes: `python -m tests.model_test.run --seeds 20 --operations 500`. A
seed that fails is shrunk and kept in `kept/`, which the short test replays. With `--record` the
seeds, operations, kills and seconds go to `benchmarks/results/model_test.json`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.model_test.operations import Operation
from tests.model_test.shrink import Kept, keep, kept, shrunk
from tests.model_test.trials import STOPPED_SHARE, Trial, random_trial
from tests.model_test.zygote import Zygote

_MOST_SHRINKING_S = 300.0
_SIZES = "with lowered thresholds an index is kept as a large one is; both: that for even seeds"
_TRIES = 4
"""A process that is killed after a time does not die at the same place each time."""


def run_seed(seed: int, count: int, stopped_share: float, sizes: str) -> Trial:
    """One seed, with a zygote of its own; shrunk and kept where it fails."""
    large = sizes == "large" or (sizes == "both" and seed % 2 == 0)
    with Zygote() as zygote:
        trial = random_trial(seed, count, zygote, stopped_share, large=large)
        if trial.wrong:
            keep(trial, trial.done)
            until = time.monotonic() + _MOST_SHRINKING_S
            shortest = shrunk(trial.done, partial(_fails, zygote, trial, until))
            file = keep(trial, shortest)
            trial.wrong.append(f"kept in {file}: {len(shortest)} operations")
        return trial


def _fails(zygote: Zygote, trial: Trial, until: float, operations: list[Operation]) -> bool:
    """Whether operations fail, of several times once; none is tried when time is up."""
    by_chance = any(one.how == "child" for one in operations)
    again = Kept(trial.seed, operations, trial.large)
    tries = range(_TRIES if by_chance else 1)
    return any(again.replay(zygote).wrong for _ in tries if time.monotonic() < until)


def trials(asked: argparse.Namespace) -> Iterator[Trial]:
    """The trial of each seed, as they end."""
    if asked.replay is not None:
        with Zygote() as zygote:
            yield kept(asked.replay).replay(zygote)
        return
    seeds = range(asked.seed, asked.seed + asked.seeds)
    one = partial(run_seed, count=asked.operations, stopped_share=asked.stopped, sizes=asked.sizes)
    with multiprocessing.get_context("spawn").Pool(asked.jobs) as pool:
        yield from pool.imap_unordered(one, seeds)


def tell(trial: Trial) -> None:
    """Print a seed's line, and what was wrong."""
    size = "large" if trial.large else "small"
    line = (
        f"seed {trial.seed:4}, {size}: {len(trial.done):5} operations, {trial.n_killed:4} kills, "
    )
    print(f"{line}{trial.seconds:6.1f} s{'' if trial.wrong else ', no difference'}", flush=True)
    if trial.wrong:
        print(f"  after {trial.done[-1].text()}")
        print("\n".join(f"  {what}" for what in trial.wrong), flush=True)


def write_record(done: list[Trial], asked: argparse.Namespace) -> None:
    """Keep what a run was and found among the benchmarks' results."""
    from benchmarks.record import Row, record

    counts: Counter[str] = sum((trial.counts for trial in done), Counter())
    kinds = [Row(kind, count, "times") for kind, count in sorted(counts.items())]
    totals = [
        Row("operations", sum(len(trial.done) for trial in done), "operations"),
        Row("kills", sum(trial.n_killed for trial in done), "kills"),
        Row("differences", sum(bool(trial.wrong) for trial in done), "seeds"),
        Row("time of all seeds", sum(trial.seconds for trial in done), "s"),
    ]
    parameters = {
        "seeds": sorted(trial.seed for trial in done),
        "operations_a_seed": asked.operations,
        "stopped_share": asked.stopped,
        "sizes": asked.sizes,
        "jobs": asked.jobs,
    }
    question = str(__doc__).splitlines()[0]
    record("model_test", question, parameters, [*totals, *kinds])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many seeds")
    parser.add_argument("--seed", type=int, default=1, help="the first of them")
    parser.add_argument("--operations", type=int, default=500, help="operations a seed")
    parser.add_argument("--stopped", type=float, default=STOPPED_SHARE, help="share to be stopped")
    parser.add_argument("--sizes", choices=("small", "large", "both"), default="both", help=_SIZES)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="seeds at once")
    parser.add_argument("--replay", type=Path, help="a kept file to do again, no seeds")
    parser.add_argument("--record", action="store_true", help="write benchmarks/results")
    return parser.parse_args()


def main() -> int:
    """Exit code 1 when a seed failed."""
    asked, done = _arguments(), []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # and the seeds with it
    os.environ["OMP_NUM_THREADS"] = "1"  # its threads would wait in loops for one another
    for trial in trials(asked):
        tell(trial)
        done.append(trial)
    n_failed = sum(bool(trial.wrong) for trial in done)
    n_operations, n_killed = sum(len(one.done) for one in done), sum(one.n_killed for one in done)
    print(
        f"{len(done)} seeds, {n_operations} operations, {n_killed} kills: {n_failed} seeds failed"
    )
    if asked.record:
        write_record(done, asked)
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
