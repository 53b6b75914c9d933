"""What tests of large indexes share."""

from __future__ import annotations

import pytest

from tests.unit.vectors.large import RECIPES


@pytest.fixture
def small_thresholds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take an index of thousands for a large one, for one test."""
    monkeypatch.setattr("mmsearch.vectors.recipes.RECIPES", RECIPES)
    monkeypatch.setattr("mmsearch.vectors.faiss_index.SMALL", 100)
    monkeypatch.setattr("mmsearch.vectors.base.FEW", 50)
    monkeypatch.setattr("mmsearch.vectors.files.CHECKED_AT_ONCE", 0)
    # Of a large file the sampled blocks show little: here only the head and the end.
    monkeypatch.setattr("mmsearch.vectors.manifest.SAMPLES", 2)
    monkeypatch.setattr("mmsearch.vectors.manifest.SAMPLE_BYTES", 256)
