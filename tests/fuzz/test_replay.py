"""Every known input of every fuzz target, and some hundred damaged ones, without a fuzzer."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.fuzz.mutate import mutated
from tests.fuzz.targets import TARGETS, Target

targets = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)


@targets
def test_inputs_that_failed_once_fail_no_more(target: Target) -> None:
    for path in target.kept():
        with _named(path.name):
            target.check(path.read_bytes())


@targets
def test_seeds_and_damaged_seeds_end_well(target: Target) -> None:
    seeds = target.seeds()
    for number, data in enumerate(seeds):
        with _named(f"seed {number}"):
            target.check(data)
    rng = random.Random(target.name)
    for number in range(target.mutations):
        data = mutated(rng.choice(seeds), target.words, rng)
        with _named(f"mutation {number}: {data[:2000]!r}"):
            target.check(data)


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Tell which input it was that failed."""
    try:
        yield
    except BaseException as exc:
        exc.add_note(f"the input: {name}")
        raise
