"""The model test in seconds: a few seeds, and every list that ever failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes import COLOURS
from tests.model_test.operations import Json, Operation
from tests.model_test.shrink import KEPT, kept
from tests.model_test.trials import random_trial, replay
from tests.model_test.zygote import Zygote

pytest.importorskip("resource", reason="this system limits no file sizes, and does not fork")


@pytest.mark.parametrize("seed", [1, 2])
def test_random_operations_and_kills_leave_what_the_model_says(zygote: Zygote, seed: int) -> None:
    trial = random_trial(seed, 45, zygote, stopped_share=0.7)
    assert not trial.wrong, f"after {trial.done[-1].text()}"
    assert trial.n_killed >= 2, "hardly anything was killed: the test proves little"
    assert not trial.counts["answers by lists"], "so few pictures are searched exactly"


def test_so_it_is_with_an_index_that_is_kept_as_a_large_one(zygote: Zygote) -> None:
    trial = random_trial(3, 45, zygote, stopped_share=0.5, large=True)
    assert not trial.wrong, f"after {trial.done[-1].text()}"
    reached = ("answers by lists", "steps with recent changes")
    assert all(trial.counts[what] for what in reached), trial.counts


def test_optimizing_may_be_killed_before_any_change_of_the_disk(zygote: Zygote) -> None:
    index = Operation("index", {"paths": ["r0"]})
    operations = [_written(range(14)), index, _written(range(14, 16)), index]
    operations += [
        Operation("optimize", {}, "child", {"kind": "event", "n": n}) for n in (1, 3, 5, 7, 40)
    ]
    trial = replay([*operations, Operation("verify")], zygote, large=True)
    assert not trial.wrong, f"after {trial.done[-1].text()}"
    assert trial.counts["steps with recent changes"], "there was nothing to optimize"
    assert trial.n_killed >= 3
    assert trial.counts["event survived"] >= 1


def _written(numbers: range) -> Operation:
    """An operation that writes a picture of its own for each number."""
    names = list(COLOURS)
    files: list[Json] = [
        {
            "name": f"r0/{number}.png",
            "kind": "PNG",
            "colour": names[number % len(names)],
            "seed": number // len(names),
            "same_stamp": False,
        }
        for number in numbers
    ]
    return Operation("write", {"files": files})


@pytest.mark.parametrize("file", sorted(KEPT.glob("*.json")), ids=lambda file: file.stem)
def test_what_failed_once_does_not_fail_again(zygote: Zygote, file: Path) -> None:
    trial = kept(file).replay(zygote)
    assert not trial.wrong, f"after {trial.done[-1].text()}"
