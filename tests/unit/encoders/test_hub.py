"""open_clip's own names, with the hub replaced by a file on disk."""

from __future__ import annotations

import logging
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import save_file

from mmsearch.encoders.definition import read_json
from mmsearch.encoders.sources import resolve_model
from mmsearch.encoders.torch_model import load_torch_model
from mmsearch.errors import ModelError

ARCHITECTURE = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 16, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture
def reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> torch.nn.Module:
    """A tiny native CLIP that open_clip knows as 'toy/pretend', trained with QuickGELU."""
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "toy", ARCHITECTURE)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = open_clip.create_model("toy", force_quick_gelu=True).eval()
    save_file(model.state_dict(), tmp_path / "weights.safetensors")
    tag = {"file": str(tmp_path / "weights.safetensors"), "quick_gelu": True}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "toy", {"pretend": tag})
    return model


def test_pair_becomes_a_directory(reference: torch.nn.Module, tmp_path: Path) -> None:
    """The downloaded model is a directory like any other, QuickGELU kept."""
    source = resolve_model("toy/pretend", tmp_path / "cache")
    assert source.name == "toy/pretend"
    assert source.directory.is_relative_to(tmp_path / "cache")
    loaded = load_torch_model(source)
    tokens = loaded.tokenizer(["a dog", "a cat"])
    pictures = torch.linspace(-1, 1, 2 * 3 * 16 * 16).view(2, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(loaded.model.encode_text(tokens), reference.encode_text(tokens))
        assert torch.equal(loaded.model.encode_image(pictures), reference.encode_image(pictures))
    model_config = read_json(source.directory / "open_clip_config.json")["model_cfg"]
    assert isinstance(model_config, dict)
    assert model_config["quick_gelu"]


def test_second_time_needs_no_hub(
    reference: torch.nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was downloaded once is found without open_clip."""
    first = resolve_model("toy/pretend", tmp_path / "cache")
    monkeypatch.delitem(open_clip.pretrained._PRETRAINED, "toy")
    assert resolve_model("toy/pretend", tmp_path / "cache") == first


def test_unreachable_hub_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No network: what to do instead, and no chatter of the libraries."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise ConnectionError("Name or service\nnot known")

    monkeypatch.setattr("open_clip.pretrained.hf_hub_download", refuse)
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(ModelError, match="cannot be downloaded here") as caught,
    ):
        resolve_model("ViT-B-32/laion2b_s34b_b79k", tmp_path)
    assert "\n" not in str(caught.value)
    assert "give a directory" in str(caught.value)
    assert not caplog.records


def test_architecture_alone_asks_for_weights(tmp_path: Path) -> None:
    """An architecture without weights embeds nothing; the tags are named."""
    with pytest.raises(ModelError, match="has no weights '': take openai or"):
        resolve_model("ViT-B-32", tmp_path)


def test_unknown_name_points_to_the_list(tmp_path: Path) -> None:
    """A name nobody knows leads to `mmsearch models`."""
    with pytest.raises(ModelError, match="'mmsearch models' lists"):
        resolve_model("no-such-model", tmp_path)
