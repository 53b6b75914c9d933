from __future__ import annotations

import resource
from pathlib import Path

import pytest

from mmsearch.cli.commands import COMMANDS
from tests.integration.cli.command import Mmsearch
from tests.integration.cli.conftest import World


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_costs_less_than_three_tenths_of_a_second(tmp_path: Path) -> None:
    """Processor time, best of five: wall time on a busy machine says nothing."""
    costs = []
    for _ in range(5):
        before = _cpu_seconds()
        assert Mmsearch(tmp_path).run("--help").code == 0
        costs.append(_cpu_seconds() - before)
    assert min(costs) <= 0.3


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    assert Mmsearch(tmp_path).imported("--help") == set()


@pytest.mark.parametrize("name", [entry.name for entry in COMMANDS])
def test_a_commands_help_imports_nothing_heavy(name: str, tmp_path: Path) -> None:
    """Typer takes pydantic to read the options before the command; `train` takes its defaults
    from TrainConfig, which needs numpy."""
    allowed = {"pydantic", "numpy"} if name.startswith("train") else {"pydantic"}
    assert Mmsearch(tmp_path).imported(name, "--help") <= allowed


def test_a_query_imports_openvino_alone_of_what_is_large(shared_world: World) -> None:
    """A small index is scanned as it lies on the disk: FAISS would take longer to import."""
    imported = shared_world.mmsearch.imported("query", "a red picture", "--json")
    assert "openvino" in imported
    assert not {"torch", "open_clip", "rich", "faiss"} & imported
