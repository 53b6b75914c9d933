"""The identity of an embedding space."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mmsearch.encoders.digest import space_of
from mmsearch.encoders.sources import ModelSource
from mmsearch.errors import ModelError


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> ModelSource:
    """A model directory that a test may change."""
    return ModelSource("copy", shutil.copytree(tiny, tmp_path / "copy"))


def test_copy_is_the_same_space(tiny_source: ModelSource, copy: ModelSource) -> None:
    """The digest is of contents, not of places."""
    assert space_of(copy).key == space_of(tiny_source).key
    assert space_of(copy).dim == 32
    assert space_of(copy).input.height == 64


def test_other_weights_are_another_space(tiny_source: ModelSource, copy: ModelSource) -> None:
    """One changed byte of the weights is enough."""
    data = bytearray(copy.weights.read_bytes())
    data[-1] ^= 1
    copy.weights.write_bytes(data)
    assert space_of(copy).digest != space_of(tiny_source).digest


@pytest.mark.parametrize("name", ["tokenizer.json", "config.json"])
def test_other_text_files_are_another_space(
    tiny_source: ModelSource, copy: ModelSource, name: str
) -> None:
    """Tokenizer and text configuration decide on embeddings too."""
    file = copy.directory / name
    file.write_text(file.read_text() + " ")
    assert space_of(copy).digest != space_of(tiny_source).digest


def test_other_preprocessing_is_another_space(tiny_source: ModelSource, copy: ModelSource) -> None:
    """The same weights behind another resize give other vectors."""
    file = copy.directory / "open_clip_config.json"
    config = json.loads(file.read_text())
    config["preprocess_cfg"]["resize_mode"] = "shortest"
    file.write_text(json.dumps(config))
    assert space_of(copy).digest != space_of(tiny_source).digest


def test_a_model_is_hashed_again_only_when_a_file_has_changed(
    copy: ModelSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmsearch.encoders.digest._SETTLED_NS", 0)
    first = space_of(copy)
    assert space_of(copy) is first
    weights = copy.weights.read_bytes()
    copy.weights.write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    changed = space_of(copy)
    assert changed.digest != first.digest
    copy.weights.write_bytes(weights)
    assert space_of(copy) == first


def test_a_model_that_changed_just_now_is_hashed_each_time(copy: ModelSource) -> None:
    """It may change again before the clock of the file system moves on."""
    assert space_of(copy) is not space_of(copy)


def test_unreadable_weights_are_one_line(copy: ModelSource) -> None:
    """A file that went away is an error of ours."""
    copy.weights.unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        space_of(copy)
