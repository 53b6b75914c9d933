"""Region features: every runtime against plain torch, and the export that is made once."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from mmsearch.encoders import (
    EncoderOptions,
    ModelSource,
    load_dual_encoder,
    resolve_model,
    space_of,
)
from mmsearch.encoders.sources import SHIPPED
from mmsearch.encoders.taps import TappedTower, default_taps
from mmsearch.encoders.torch_model import LoadedModel, load_torch_model
from mmsearch.encoders.torch_runtime import TorchEncoder, TorchRegionEncoder
from mmsearch.errors import ModelError
from mmsearch.protocols import RegionEncoder
from mmsearch.rerank import region_projection
from mmsearch.rerank_types import RegionProjection
from tests.integration.encoders.conftest import blobs

MINI_TAPS = ("visual.trunk.blocks.4", "visual.trunk.blocks.5", "visual.trunk.bn2")
MOST_OFF = {"fp32": 6, "bf16": 80}
MEAN_OFF = {"fp32": 0.8, "bf16": 8.0}
"""In steps of codes whose deviation is 40: weights are kept in float16, bf16 has 8 bits."""
Precision = Literal["fp32", "bf16"]


def fitted_projection(
    loaded: LoadedModel, taps: tuple[str, ...], grid: tuple[int, int], dim: int = 8
) -> RegionProjection:
    """A random projection whose codes, as trained ones, spread over the range of int8."""
    pictures = torch.from_numpy(blobs(8, loaded.input, seed=9)).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(part).view(1, 3, 1, 1) for part in (loaded.mean, loaded.std))
    with torch.no_grad():
        _, cells = TappedTower(loaded.model, taps, *grid)((pictures - mean) / std)
    rows = cells.flatten(0, 1).numpy()
    weight = np.random.default_rng(0).normal(size=(dim, rows.shape[1])) / (rows.std(0) + rows.std())
    weight *= 40 / (rows @ weight.T).std(0)[:, np.newaxis]
    bias = -(rows @ weight.T).mean(0)
    return region_projection(taps, *grid, weight.astype(np.float32), bias.astype(np.float32))


@pytest.fixture(scope="module")
def region_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of this file's own."""
    return tmp_path_factory.mktemp("regions")


@pytest.fixture(scope="module")
def projection(tiny_source: ModelSource) -> RegionProjection:
    """Of the tiny model's own grids."""
    loaded = load_torch_model(tiny_source)
    return fitted_projection(loaded, default_taps(loaded), (2, 3))


@pytest.fixture(scope="module")
def encoder(
    tiny_source: ModelSource, projection: RegionProjection, region_cache: Path
) -> RegionEncoder:
    """The tiny model on the CPU."""
    options = EncoderOptions(region_cache, "cpu", "fp32")
    return load_dual_encoder(tiny_source.name, options, projection)


def compare(found: RegionEncoder, plain: RegionEncoder, precision: Precision) -> None:
    """Codes agree with plain torch's, embeddings with those of the tower without regions."""
    pictures = blobs(7, plain.space.input)
    embeddings, codes = found.encode_with_regions(pictures)
    expected_embeddings, expected = plain.encode_with_regions(pictures)
    assert codes.dtype == np.int8
    assert codes.shape == (7, found.projection.n_regions, found.projection.dim)
    off = np.abs(codes.astype(int) - expected)
    towards_zero = np.abs(expected.astype(int)).mean() - np.abs(codes.astype(int)).mean()
    assert abs(towards_zero) < 0.25  # a code that is cut off, not rounded, loses 0.5
    assert off.max() <= MOST_OFF[precision]
    assert off.mean() <= MEAN_OFF[precision]
    assert expected.std(axis=(0, 1)).min() > 5  # else any codes would agree
    assert (embeddings * expected_embeddings).sum(1).min() >= 0.995
    alone = found.encode_images(pictures)
    assert (embeddings * alone).sum(1).min() >= (0.999999 if precision == "fp32" else 0.9995)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", ["tiny_source", "native_source"])
def test_openvino_agrees_with_torch(
    kind: str, precision: Precision, region_cache: Path, request: pytest.FixtureRequest
) -> None:
    """Grids of a convolutional network, patch tokens of a transformer."""
    source: ModelSource = request.getfixturevalue(kind)
    loaded = load_torch_model(source)
    projection = fitted_projection(loaded, default_taps(loaded), (2, 3))
    found = load_dual_encoder(
        source.name, EncoderOptions(region_cache, "cpu", precision), projection
    )
    compare(found, TorchRegionEncoder(space_of(source), loaded, projection), precision)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_shipped_model_agrees_with_torch(precision: Precision, region_cache: Path) -> None:
    """On the grid that its reranker reads."""
    source = resolve_model(SHIPPED, region_cache)
    loaded = load_torch_model(source)
    projection = fitted_projection(loaded, MINI_TAPS, (9, 9), dim=48)
    found = load_dual_encoder(SHIPPED, EncoderOptions(region_cache, "cpu", precision), projection)
    compare(found, TorchRegionEncoder(space_of(source), loaded, projection), precision)


def test_torch_gives_the_embeddings_it_gives_without_regions(
    tiny_source: ModelSource, projection: RegionProjection
) -> None:
    """Bit by bit, in batches of any size."""
    loaded = load_torch_model(tiny_source)
    plain = TorchEncoder(space_of(tiny_source), loaded)
    regions = TorchRegionEncoder(space_of(tiny_source), loaded, projection)
    pictures = blobs(5, loaded.input)
    embeddings, codes = regions.encode_with_regions(pictures)
    np.testing.assert_array_equal(embeddings, plain.encode_images(pictures))
    small = TorchRegionEncoder(space_of(tiny_source), loaded, projection, batch_size=2)
    assert np.abs(small.encode_with_regions(pictures)[1].astype(int) - codes).max() <= 1


@pytest.mark.parametrize("half", [True, False])
def test_torch_half_precision_agrees(
    tiny_source: ModelSource, projection: RegionProjection, half: bool
) -> None:
    """The half-precision paths of the GPU runtime, tried on the CPU."""
    loaded = load_torch_model(tiny_source, half=half)
    space = space_of(tiny_source)
    precision = "fp32" if half else "bf16"
    found = TorchRegionEncoder(space, loaded, projection, precision, batch_size=4)
    plain = TorchRegionEncoder(space, load_torch_model(tiny_source), projection)
    _, codes = found.encode_with_regions(blobs(7, loaded.input))
    _, expected = plain.encode_with_regions(blobs(7, loaded.input))
    assert np.abs(codes.astype(int) - expected).mean() <= MEAN_OFF["bf16"]


@pytest.mark.gpu
def test_cuda_agrees_with_torch(
    tiny_source: ModelSource, projection: RegionProjection, region_cache: Path
) -> None:
    if not torch.cuda.is_available():
        pytest.skip("torch finds no CUDA device on this machine")
    options = EncoderOptions(region_cache, "cuda", "auto")
    found = load_dual_encoder(tiny_source.name, options, projection)
    loaded = load_torch_model(tiny_source)
    compare(found, TorchRegionEncoder(space_of(tiny_source), loaded, projection), "bf16")


def test_codes_do_not_depend_on_their_batch(encoder: RegionEncoder) -> None:
    """Any n works, 0 too; each picture's codes are what they would be alone."""
    pictures = blobs(9, encoder.space.input)
    _, together = encoder.encode_with_regions(pictures)
    for number in range(9):
        _, alone = encoder.encode_with_regions(pictures[number : number + 1])
        assert np.abs(together[number].astype(int) - alone[0]).max() <= 1
    embeddings, codes = encoder.encode_with_regions(pictures[:0])
    assert embeddings.shape == (0, encoder.space.dim)
    assert codes.shape == (0, 6, 8)


def test_threads_share_an_encoder(encoder: RegionEncoder) -> None:
    """Concurrent calls do not mix their rows."""
    groups = [blobs(size, encoder.space.input, seed=size) for size in (1, 5, 3)] * 3
    expected = [encoder.encode_with_regions(group)[1] for group in groups]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(encoder.encode_with_regions, groups))
    for (_, ours), plain in zip(found, expected, strict=True):
        assert np.abs(ours.astype(int) - plain).max() <= 1


def test_an_export_made_before_gets_its_regions_when_they_are_used(
    tiny_source: ModelSource, projection: RegionProjection, tmp_path: Path
) -> None:
    """Beside what is there, once; other projections lie beside it; nothing half-made stays."""
    options = EncoderOptions(tmp_path, "cpu", "fp32")
    plain = load_dual_encoder(tiny_source.name, options)
    (folder,) = (tmp_path / "models" / plain.space.key).iterdir()
    assert not list(folder.glob("regions-*"))
    later = load_dual_encoder(tiny_source.name, options, projection)
    assert not list(folder.glob("regions-*"))
    pictures = blobs(2, plain.space.input)
    later.encode_with_regions(pictures)
    (tower,) = folder.glob(f"regions-{projection.key}-*.xml")
    made = tower.stat().st_mtime_ns
    assert tower.with_suffix(".bin").is_file()
    assert not list(folder.glob(".regions-*"))
    again = load_dual_encoder(tiny_source.name, options, projection)
    again.encode_with_regions(pictures)
    assert tower.stat().st_mtime_ns == made


def test_a_new_export_has_its_regions_from_the_start(
    encoder: RegionEncoder, region_cache: Path
) -> None:
    """The torch model, which is slow to load, is loaded once."""
    (folder,) = (region_cache / "models" / encoder.space.key).iterdir()
    assert list(folder.glob(f"regions-{encoder.projection.key}-*.xml"))


@pytest.mark.parametrize("runtime", ["openvino", "torch"])
def test_a_projection_of_other_widths_is_one_line(
    runtime: str, tiny_source: ModelSource, projection: RegionProjection, region_cache: Path
) -> None:
    """The tap is there, but gives fewer channels than the projection reads."""
    taps, shape = projection.taps[:1], (projection.rows, projection.columns)
    other = region_projection(taps, *shape, projection.weight, projection.bias)
    encoder: RegionEncoder
    if runtime == "torch":
        encoder = TorchRegionEncoder(space_of(tiny_source), load_torch_model(tiny_source), other)
    else:
        options = EncoderOptions(region_cache, "cpu", "fp32")
        encoder = load_dual_encoder(tiny_source.name, options, other)
    with pytest.raises(ModelError, match="made for another model"):
        encoder.encode_with_regions(blobs(1, encoder.space.input))


def test_a_projection_of_another_model_is_one_line(
    tiny_source: ModelSource, projection: RegionProjection, region_cache: Path, tmp_path: Path
) -> None:
    other = region_projection(("visual.nothing",), 2, 3, projection.weight, projection.bias)
    cache = Path(shutil.copytree(region_cache, tmp_path / "cache"))
    encoder = load_dual_encoder(tiny_source.name, EncoderOptions(cache, "cpu"), other)
    with pytest.raises(ModelError, match=r"nothing.*made for another model"):
        encoder.encode_with_regions(blobs(1, encoder.space.input))
