"""Names of models and the directories behind them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mmsearch.encoders.sources import resolve_model
from mmsearch.errors import ModelError


def test_directory_gets_a_name_that_works_everywhere(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path is made absolute: the index remembers the name."""
    monkeypatch.chdir(tiny.parent)
    source = resolve_model(tiny.name, tmp_path)
    assert source.name == str(tiny)
    assert source.directory == tiny


def test_open_clip_prefix_is_understood(tiny: Path, tmp_path: Path) -> None:
    """`local-dir:` is how open_clip writes a directory."""
    assert resolve_model(f"local-dir:{tiny}", tmp_path).directory == tiny


def test_pickle_is_refused(tiny: Path, tmp_path: Path) -> None:
    """A directory with only a pickle is not opened at all."""
    copy = shutil.copytree(tiny, tmp_path / "copy")
    (copy / "open_clip_model.safetensors").rename(copy / "open_clip_pytorch_model.bin")
    with pytest.raises(ModelError, match=r"open_clip_pytorch_model\.bin is a pickle"):
        resolve_model(str(copy), tmp_path)


def test_directory_without_weights_is_refused(tiny: Path, tmp_path: Path) -> None:
    """The message names the file that is missing."""
    copy = shutil.copytree(tiny, tmp_path / "copy")
    (copy / "open_clip_model.safetensors").unlink()
    with pytest.raises(ModelError, match="holds no weights"):
        resolve_model(str(copy), tmp_path)


def test_directory_without_definition_is_refused(tmp_path: Path) -> None:
    """Any other folder is no model."""
    with pytest.raises(ModelError, match=r"open_clip_config\.json is missing"):
        resolve_model(str(tmp_path), tmp_path)


def test_missing_directory_is_named(tmp_path: Path) -> None:
    """A path that is not there is not taken for a hub's name."""
    with pytest.raises(ModelError, match="no model directory"):
        resolve_model(str(tmp_path / "nowhere"), tmp_path)
