"""Data for small training runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.training.runs import make_data


@pytest.fixture(scope="session")
def training_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures, captions and the tiny model."""
    return make_data(tmp_path_factory.mktemp("training") / "data")
