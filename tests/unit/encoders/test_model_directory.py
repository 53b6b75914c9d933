"""Writing a model so that we and open_clip load it again."""

from __future__ import annotations

import shutil
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import load_file

from mmsearch.encoders.digest import space_of
from mmsearch.encoders.model_directory import save_model_directory
from mmsearch.encoders.sources import resolve_model
from mmsearch.encoders.torch_model import LoadedModel, load_torch_model
from mmsearch.errors import ModelError

TEXTS = ["a dog on the beach", "two cats", ""]


@pytest.fixture(scope="module")
def saved(loaded: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, written again."""
    return save_model_directory(loaded, tmp_path_factory.mktemp("out") / "model")


@torch.no_grad()
def _texts(model: torch.nn.Module, tokens: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.normalize(model.encode_text(tokens), dim=1)


def test_saved_model_loads_again(loaded: LoadedModel, saved: Path, tmp_path: Path) -> None:
    """Weights, definition and tokenizer survive."""
    again = load_torch_model(resolve_model(str(saved), tmp_path))
    expected = _texts(loaded.model, loaded.tokenizer(TEXTS))
    found = _texts(again.model, again.tokenizer(TEXTS))
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=0)
    assert again.definition == loaded.definition


def test_open_clip_itself_loads_it_from_anywhere(
    loaded: LoadedModel, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`local-dir:` works with open_clip's own functions in another folder."""
    monkeypatch.chdir(tmp_path)
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{saved}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{saved}")
    found = _texts(model.eval(), tokenizer(TEXTS))
    torch.testing.assert_close(
        found, _texts(loaded.model, loaded.tokenizer(TEXTS)), atol=2e-3, rtol=0
    )
    assert "size=(64, 64)" in str(transform)


def test_moved_model_is_the_same_space(saved: Path, tmp_path: Path) -> None:
    """The path inside the definition is ignored by our loader and by the digest."""
    before = space_of(resolve_model(str(saved), tmp_path))
    moved = shutil.copytree(saved, tmp_path / "moved")
    source = resolve_model(str(moved), tmp_path)
    assert space_of(source).key == before.key
    assert load_torch_model(source).definition.dim == 32


def test_matrices_are_half_and_vectors_exact(loaded: LoadedModel, saved: Path) -> None:
    """Half precision halves the file; norms and the logit scale keep their digits."""
    stored = load_file(saved / "open_clip_model.safetensors")
    assert stored["visual.head.proj.weight"].dtype == torch.float16
    assert stored["logit_scale"].dtype == torch.float32
    assert torch.equal(stored["logit_scale"], loaded.model.state_dict()["logit_scale"])


def test_full_precision_on_request(loaded: LoadedModel, tmp_path: Path) -> None:
    """`half=False` keeps every weight as it is."""
    out = save_model_directory(loaded, tmp_path / "full", half=False)
    stored = load_file(out / "open_clip_model.safetensors")
    for name, value in loaded.model.state_dict().items():
        assert torch.equal(stored[name], value)


def test_saving_again_keeps_other_files(loaded: LoadedModel, tmp_path: Path) -> None:
    """A training run's log beside the model stays; no temporary file does."""
    out = tmp_path / "run"
    out.mkdir()
    (out / "log.json").write_text("{}")
    save_model_directory(loaded, out)
    save_model_directory(loaded, out)
    assert (out / "log.json").read_text() == "{}"
    assert not [file for file in out.iterdir() if file.name.startswith(".")]


def test_unwritable_place_is_one_line(loaded: LoadedModel, tmp_path: Path) -> None:
    """A file where the folder should be is reported, not overwritten."""
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(ModelError, match="cannot be written"):
        save_model_directory(loaded, tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "mine"


def test_weights_that_do_not_fit_are_one_line(tiny: Path, tmp_path: Path) -> None:
    """Another architecture's weights are refused with the folder's name."""
    copy = shutil.copytree(tiny, tmp_path / "copy")
    file = copy / "open_clip_config.json"
    file.write_text(file.read_text().replace('"embed_dim": 32', '"embed_dim": 31'))
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        load_torch_model(resolve_model(str(copy), tmp_path))
    assert "\n" not in str(caught.value)
