"""A tiny network for tests of single steps."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmsearch.encoders.sources import resolve_model
from mmsearch.encoders.torch_model import load_torch_model
from mmsearch.training.network import Network
from tests.tiny_model import build_tiny_model


@pytest.fixture(scope="session")
def tiny_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model's directory."""
    return build_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture
def network(tiny_directory: Path) -> Network:
    """A fresh network in full precision on the CPU."""
    loaded = load_torch_model(resolve_model(str(tiny_directory), tiny_directory))
    return Network(loaded, torch.device("cpu"), "off")
