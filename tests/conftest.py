"""Fixtures for all tests: no test sees the developer's own settings, home or cache."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def _own_environment(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drop inherited MMSEARCH_* settings; keep the home in a temporary folder."""
    for name in [name for name in os.environ if name.startswith("MMSEARCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MMSEARCH_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of shared test data, or a skip that says why."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared data folder is not beside this checkout")
    return SHARED_DATA
