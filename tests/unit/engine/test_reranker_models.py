"""Which reranker a space gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsearch.config import load_settings
from mmsearch.engine.reranker_models import RerankerModels
from mmsearch.errors import ModelError
from mmsearch.types import InputSpec, Space
from tests.tiny_reranker import TinyReranker, build_tiny_reranker

DIGEST = "ab" * 32


def space(dim: int = 4, digest: str = DIGEST) -> Space:
    return Space("tiny", digest, dim, InputSpec(8, 8))


def models(directory: Path) -> RerankerModels:
    return RerankerModels(load_settings(reranker=directory))


def test_the_named_one_is_taken(tmp_path: Path) -> None:
    build_tiny_reranker(tmp_path, TinyReranker(space_digest=DIGEST))
    found = models(tmp_path).for_space(space())
    assert found is not None
    assert found.directory == tmp_path


def test_one_of_another_model_is_refused(tmp_path: Path) -> None:
    build_tiny_reranker(tmp_path, TinyReranker(space_digest=DIGEST))
    with pytest.raises(ModelError, match="trained on another model"):
        models(tmp_path).for_space(space(digest="cd" * 32))


def test_a_folder_without_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is no reranker"):
        models(tmp_path).for_space(space())


def test_a_bank_of_another_dimension_is_refused(tmp_path: Path) -> None:
    """Told before anything is searched, and not by a library."""
    build_tiny_reranker(tmp_path, TinyReranker(space_digest=DIGEST))
    with pytest.raises(ModelError, match="embeddings of 4 numbers"):
        models(tmp_path).for_space(space(dim=5))
