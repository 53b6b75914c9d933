"""A few of the faults that `benchmarks/faults.py` tries: one clear line, and nothing is lost."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.server import Client, Order
from tests.faults.shim import ALL, Fault, Mode, environment

N_WAYS = 5
"""To fail once, from then on, to be killed, killed within a write, killed after a lost rename."""

SEED = 2
"""Without cases in which SQLite asks ten seconds long for a lock."""


@pytest.mark.parametrize(
    ("scene", "place"),
    [
        ("index-new", "home"),
        ("index-more", "home"),
        ("index-more", "photos"),
        ("query-vectors", "home"),
        ("backup", "backup"),
        ("restore", "home"),
        ("migrate", "home"),
    ],
)
def test_a_disk_that_fails_costs_nothing_and_is_told(
    faults: Client, scene: str, place: str
) -> None:
    answer = faults.ask(Order(scene, N_WAYS, seed=SEED, place=place))
    assert answer.wrong == []
    assert sum(answer.outcomes.values()) >= 2


@pytest.mark.parametrize("scene", ["index-more", "query-vectors"])
def test_a_loss_of_power_leaves_no_vectors_of_what_the_catalogue_lost(
    faults: Client, scene: str
) -> None:
    """The first loss comes when the vector file has its name, and the catalogue only its log."""
    answer = faults.ask(Order(scene, 2, seed=1, way="power"))
    assert answer.wrong == []
    assert answer.outcomes == {"lost power": 2}


def test_a_program_of_its_own_can_be_told_by_the_environment(
    faults: Client, tmp_path: Path
) -> None:
    """A disk that fails from the first look on; without the fault there is no index at all."""
    home = tmp_path / "home"
    fault = Fault(ALL, 1, Mode.ON, errno.EIO)
    done = subprocess.run(
        [sys.executable, "-m", "mmsearch", "--home", str(home), "status"],
        env={**os.environ, **environment(faults.library, home, fault)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"mmsearch: error: catalogue {home}")
    assert "cannot be looked up (input/output error): check the disk" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_clock_that_goes_back_makes_no_difference(faults: Client) -> None:
    assert faults.ask(Order("index-more", way="clock")).wrong == []
