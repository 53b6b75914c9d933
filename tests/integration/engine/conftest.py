"""A library of fake models and a folder of pictures for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mmsearch.engine.library import Library
from tests.fakes import FakeModels
from tests.photos import fake_library


@pytest.fixture
def models() -> FakeModels:
    """Fake models that count how often they are loaded and used."""
    return FakeModels()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the library keeps its indexes."""
    return tmp_path / "home"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """An empty folder to put pictures into."""
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


@pytest.fixture
def library(home: Path, models: FakeModels) -> Iterator[Library]:
    """A library that decodes in this process."""
    with fake_library(home, models) as library:
        yield library
