"""Tiny rerankers of both arrangements, and a cache shared by all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsearch.rerank import RerankerSource
from tests.tiny_reranker import TinyReranker, build_tiny_reranker


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that is empty when the session starts."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def lxmert(tmp_path_factory: pytest.TempPathFactory) -> RerankerSource:
    """LXMERT's arrangement."""
    return build_tiny_reranker(tmp_path_factory.mktemp("lxmert"), TinyReranker("lxmert"))


@pytest.fixture(scope="session")
def vilbert(tmp_path_factory: pytest.TempPathFactory) -> RerankerSource:
    """ViLBERT's arrangement."""
    return build_tiny_reranker(tmp_path_factory.mktemp("vilbert"), TinyReranker("vilbert"))
