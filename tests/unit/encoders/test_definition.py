"""What is read from open_clip_config.json."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mmsearch.encoders.definition import CONFIG_FILE, read_definition
from mmsearch.errors import ModelError
from mmsearch.types import InputSpec, ResizeMode


def _native(folder: Path, **preprocess: object) -> Path:
    """A directory with the definition of a native CLIP model."""
    model = {"embed_dim": 16, "vision_cfg": {"image_size": [32, 48]}, "text_cfg": {}}
    folder.mkdir(exist_ok=True)
    config = {"model_cfg": model, "preprocess_cfg": preprocess}
    (folder / CONFIG_FILE).write_text(json.dumps(config), "utf-8")
    return folder


def test_tiny_model_is_read(tiny: Path) -> None:
    """Size, resize mode, statistics and text rules come from the file."""
    definition = read_definition(tiny)
    assert definition.dim == 32
    assert definition.input == InputSpec(64, 64, ResizeMode.SQUASH, "bicubic")
    assert definition.mean == (0.485, 0.456, 0.406)
    assert definition.text.context_length == 24
    assert definition.text.huggingface_model
    assert definition.text.clean == "whitespace"


def test_native_model_has_open_clip_defaults(tmp_path: Path) -> None:
    """What the file leaves out is what open_clip would take."""
    definition = read_definition(_native(tmp_path))
    assert definition.input == InputSpec(32, 48, ResizeMode.CROP, "bicubic")
    assert definition.mean[0] == pytest.approx(0.48145466)
    assert definition.text.context_length == 77
    assert not definition.text.huggingface_model
    assert definition.text.clean == "lower"


def test_padding_model_keeps_its_fill(tmp_path: Path) -> None:
    """'longest' pads with the fill colour; bilinear and single numbers are understood."""
    folder = _native(
        tmp_path, resize_mode="longest", fill_color=7, interpolation="bilinear", mean=0.5
    )
    definition = read_definition(folder)
    assert definition.input == InputSpec(32, 48, ResizeMode.PAD, "bilinear", (7, 7, 7))
    assert definition.mean == (0.5, 0.5, 0.5)


def test_canonical_form_does_not_know_the_place(tiny: Path, tmp_path: Path) -> None:
    """The folder that hf_model_name names is no part of the model."""
    copy = shutil.copytree(tiny, tmp_path / "copy")
    config = json.loads((copy / CONFIG_FILE).read_text())
    config["model_cfg"]["text_cfg"]["hf_model_name"] = str(copy)
    (copy / CONFIG_FILE).write_text(json.dumps(config, indent=7))
    assert read_definition(copy).canonical == read_definition(tiny).canonical


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "cannot be read"),
        ("[]", "holds no JSON object"),
        ("{}", "model_cfg"),
        ('{"model_cfg": {"vision_cfg": {}, "text_cfg": {}}}', "embed_dim"),
        ('{"model_cfg": {"embed_dim": 4, "vision_cfg": {}, "text_cfg": 3}}', "text_cfg"),
    ],
)
def test_malformed_definition_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    """One line names the file and the key."""
    (tmp_path / CONFIG_FILE).write_text(content)
    with pytest.raises(ModelError, match=reason) as caught:
        read_definition(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_unknown_resize_mode_is_refused(tmp_path: Path) -> None:
    """A mode that open_clip lacks is not guessed at."""
    with pytest.raises(ModelError, match="resize_mode"):
        read_definition(_native(tmp_path, resize_mode="warp"))


@pytest.mark.parametrize(
    "preprocess",
    [
        {"resize_mode": ["squash"]},
        {"mean": ["a", "b", "c"]},
        {"mean": [0.5, 0.5]},
        {"std": [0, 1, 1]},
        {"std": -1},
        {"fill_color": 256},
        {"fill_color": True},
    ],
)
def test_preprocessing_that_makes_no_sense_is_refused(
    tmp_path: Path, preprocess: dict[str, object]
) -> None:
    with pytest.raises(ModelError, match=next(iter(preprocess))):
        read_definition(_native(tmp_path, **preprocess))
