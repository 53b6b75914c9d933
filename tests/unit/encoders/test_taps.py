"""Grids of image towers: which are found, and how they become cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmsearch.encoders.taps import (
    TappedTower,
    as_grid,
    averaged,
    averaged_by_product,
    default_taps,
    quantised,
)
from mmsearch.encoders.torch_model import LoadedModel
from mmsearch.errors import ModelError
from mmsearch.types import InputSpec

VISION: Mapping[str, Mapping[str, object]] = {
    "transformer": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
    "resnet": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None},
    "timm vit": {
        "timm_model_name": "test_vit",
        "timm_model_pretrained": False,
        "timm_pool": "token",
        "image_size": 64,
    },
    "timm resnet": {
        "timm_model_name": "test_resnet",
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "image_size": 64,
    },
}


def _model(kind: str) -> LoadedModel:
    """A random open_clip model with a small text tower."""
    from open_clip.model import CLIP

    text = {"context_length": 8, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = CLIP(24, dict(VISION[kind]), text).eval()
    size = int(cast("int", VISION[kind]["image_size"]))
    part = SimpleNamespace(
        model=model, input=InputSpec(size, size), source=SimpleNamespace(name=kind)
    )
    return cast("LoadedModel", part)


@pytest.mark.parametrize(
    ("kind", "taps", "channels"),
    [
        ("transformer", ("visual.ln_post",), 64),
        ("resnet", ("visual.layer3", "visual.layer4"), 128 + 256),
        ("timm vit", ("visual.trunk.norm",), 64),
        ("timm resnet", ("visual.trunk.layer3", "visual.trunk.layer4"), None),
    ],
)
def test_the_last_grids_are_tapped(kind: str, taps: tuple[str, ...], channels: int | None) -> None:
    """Patch tokens of transformers, the last two resolutions of convolutional networks."""
    loaded = _model(kind)
    found = default_taps(loaded)
    assert found == taps
    pictures = torch.randn(3, 3, loaded.input.height, loaded.input.width)
    with torch.no_grad():
        embeddings, cells = TappedTower(loaded.model, found, 2, 2)(pictures)
        expected = loaded.model.encode_image(pictures)  # type: ignore[operator]
    assert torch.equal(embeddings, expected)
    assert cells.shape[:2] == (3, 4)
    assert channels is None or cells.shape[2] == channels


def test_no_hook_stays(loaded: LoadedModel) -> None:
    """Looking for grids and tapping them leaves the model as it was."""
    taps = default_taps(loaded)
    TappedTower(loaded.model, taps, 2, 2)(torch.zeros(1, 3, 64, 64))
    assert not any(module._forward_hooks for module in loaded.model.modules())


def test_a_tower_without_a_grid_is_one_line(loaded: LoadedModel) -> None:
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.visual = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 8))

        def encode_image(self, pictures: Tensor) -> Tensor:
            return cast("Tensor", self.visual(pictures))

    with pytest.raises(ModelError, match="no grid of regions"):
        default_taps(replace(loaded, model=Flat()))


def test_a_missing_part_is_one_line(loaded: LoadedModel) -> None:
    with pytest.raises(ModelError, match=r"nothing.*made for another model"):
        TappedTower(loaded.model, ("visual.nothing",), 2, 2)


def test_a_pooled_output_is_no_tap(loaded: LoadedModel) -> None:
    with pytest.raises(ModelError, match="is no grid"):
        TappedTower(loaded.model, ("visual",), 2, 2)(torch.zeros(1, 3, 64, 64))


@pytest.mark.parametrize(("side", "shape"), [(9, (9, 9)), (18, (9, 9)), (9, (6, 6)), (7, (3, 2))])
def test_cells_are_the_means_of_what_they_cover(side: int, shape: tuple[int, int]) -> None:
    """Against the plain definition: rows from floor(i h / rows) to ceil((i + 1) h / rows)."""
    grid = torch.randn(2, 3, side, side)
    found = averaged(grid, shape)
    rows, columns = shape
    for i in range(rows):
        for j in range(columns):
            down = slice(i * side // rows, -(-(i + 1) * side // rows))
            right = slice(j * side // columns, -(-(j + 1) * side // columns))
            torch.testing.assert_close(found[:, :, i, j], grid[:, :, down, right].mean((2, 3)))


@pytest.mark.parametrize("size", [(9, 9), (6, 6), (7, 18), (12, 6)])
def test_means_by_a_product_are_the_means(size: tuple[int, int]) -> None:
    grid = torch.randn(2, 3, *size)
    found = averaged_by_product(grid, (6, 6))
    torch.testing.assert_close(found, averaged(grid, (6, 6)).flatten(2))


def test_patch_tokens_are_rows_from_the_top_left_after_the_class_token() -> None:
    tokens = torch.arange(10.0).reshape(1, 10, 1)
    expected = torch.arange(1.0, 10.0).reshape(1, 1, 3, 3)
    torch.testing.assert_close(as_grid(tokens, "tap"), expected)


def test_cells_run_row_by_row_and_channels_tap_by_tap() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Identity(), nn.Identity()

        def encode_image(self, pictures: Tensor) -> Tensor:
            output = self.second(self.first(pictures) * 10)
            return cast("Tensor", output.mean((2, 3)))

    picture = torch.arange(4.0).reshape(1, 1, 2, 2)
    _, cells = TappedTower(Two(), ("first", "second"), 2, 2)(picture)
    assert cells.tolist() == [[[0, 0], [1, 10], [2, 20], [3, 30]]]


def test_what_a_later_layer_writes_over_was_seen_before() -> None:
    class InPlace(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tap = nn.Identity()

        def encode_image(self, pictures: Tensor) -> Tensor:
            return self.tap(pictures.clone()).zero_().mean((2, 3))  # type: ignore[no-any-return]

    _, cells = TappedTower(InPlace(), ("tap",), 2, 2)(torch.ones(1, 1, 4, 4))
    assert cells.eq(1).all()


def test_codes_are_rounded_and_clipped_as_numpy_does_it() -> None:
    """Halves go to the even neighbour; nothing wraps around."""
    rng = np.random.default_rng(0)
    cells = rng.normal(size=(5, 4, 7)).astype(np.float32)
    weight = rng.normal(0, 60, (3, 7)).astype(np.float32)
    bias = np.array([0.5, -90, 90], np.float32)
    found = quantised(torch.from_numpy(cells @ weight.T + bias)).numpy()
    expected = np.rint(np.clip(cells @ weight.T + bias, -127, 127))
    assert found.dtype == np.int8
    np.testing.assert_array_equal(found, expected)
    assert {-127, 127} <= set(found.ravel().tolist())


def test_the_shipped_model_has_the_grids_its_reranker_reads(tmp_path: Path) -> None:
    from mmsearch.encoders import resolve_model
    from mmsearch.encoders.torch_model import load_torch_model

    loaded = load_torch_model(resolve_model("mini", tmp_path))
    assert default_taps(loaded) == ("visual.trunk.blocks.4", "visual.trunk.bn2")
    taps = ("visual.trunk.blocks.4", "visual.trunk.blocks.5", "visual.trunk.bn2")
    pictures = torch.randn(2, 3, 288, 288)
    with torch.no_grad():
        embeddings, cells = TappedTower(loaded.model, taps, 9, 9)(pictures)
        assert torch.equal(embeddings, loaded.model.encode_image(pictures))  # type: ignore[operator]
    assert cells.shape == (2, 81, 120 + 208 + 1280)
