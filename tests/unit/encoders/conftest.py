"""A tiny model and torch's view of it, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsearch.encoders.sources import ModelSource, resolve_model
from mmsearch.encoders.torch_model import LoadedModel, load_torch_model
from tests.tiny_model import build_tiny_model


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a tiny model; tests that change it copy it first."""
    return build_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def tiny_source(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    """The tiny model as the resolver finds it."""
    return resolve_model(str(tiny), tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def loaded(tiny_source: ModelSource) -> LoadedModel:
    """The tiny model in torch."""
    return load_torch_model(tiny_source)
