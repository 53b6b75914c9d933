"""Every runtime against the plain torch model."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from PIL import Image

from mmsearch.encoders import (
    EncoderOptions,
    ModelSource,
    load_dual_encoder,
    resolve_model,
    space_of,
)
from mmsearch.encoders.sources import SHIPPED, shipped_directory
from mmsearch.encoders.torch_model import load_torch_model
from mmsearch.encoders.torch_runtime import TorchEncoder
from mmsearch.encoders.vocabulary import SAMPLE_TEXTS
from mmsearch.protocols import DualEncoder
from tests.integration.encoders.conftest import blobs

TEXTS = [*SAMPLE_TEXTS, "two dogs run over the grass", "a red car on the street"]
LEAST_COSINE = {"fp32": 0.999, "bf16": 0.995}
Precision = Literal["fp32", "bf16"]


def _compare(found: DualEncoder, expected: DualEncoder, least: float) -> None:
    """Both towers agree in every row, also across batch borders."""
    pictures = blobs(11, expected.space.input)
    images = (found.encode_images(pictures), expected.encode_images(pictures))
    texts = (found.encode_texts(TEXTS), expected.encode_texts(TEXTS))
    for ours, plain in (images, texts):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1.0, atol=1e-5)
        assert (ours * plain).sum(axis=1).min() >= least
        assert (plain[:1] @ plain[1:].T).min() < 0.99  # else any vector would agree


def _openvino(source: ModelSource, cache: Path, precision: Precision) -> DualEncoder:
    return load_dual_encoder(source.name, EncoderOptions(cache, "cpu", precision))


def _plain(source: ModelSource) -> TorchEncoder:
    return TorchEncoder(space_of(source), load_torch_model(source))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", ["tiny_source", "native_source"])
def test_openvino_agrees_with_torch(
    kind: str, precision: Precision, cache: Path, request: pytest.FixtureRequest
) -> None:
    """The CPU runtime gives torch's embeddings for both kinds of text tower."""
    source = request.getfixturevalue(kind)
    _compare(_openvino(source, cache, precision), _plain(source), LEAST_COSINE[precision])


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_default_model_agrees_with_torch(precision: Precision, cache: Path) -> None:
    """The shipped model runs on the CPU as it was trained."""
    if not shipped_directory().is_dir():
        pytest.skip("this checkout holds no default model yet")
    source = resolve_model(SHIPPED, cache)
    _compare(_openvino(source, cache, precision), _plain(source), LEAST_COSINE[precision])


@pytest.mark.parametrize("kind", ["tiny_source", "native_source"])
@pytest.mark.parametrize("half", [True, False])
def test_torch_half_precision_agrees(kind: str, half: bool, request: pytest.FixtureRequest) -> None:
    """The half-precision paths of the GPU runtime, tried on the CPU."""
    source = request.getfixturevalue(kind)
    loaded = load_torch_model(source, half=half)
    found = TorchEncoder(space_of(source), loaded, "fp32" if half else "bf16", batch_size=4)
    _compare(found, _plain(source), LEAST_COSINE["bf16"])


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["auto", "fp32", "bf16"])
@pytest.mark.parametrize("kind", ["tiny_source", "native_source"])
def test_cuda_agrees_with_torch(
    kind: str,
    precision: Literal["auto", "fp32", "bf16"],
    cache: Path,
    request: pytest.FixtureRequest,
) -> None:
    """The GPU runtime gives the embeddings of plain torch on the CPU."""
    if not torch.cuda.is_available():
        pytest.skip("torch finds no CUDA device on this machine")
    source = request.getfixturevalue(kind)
    found = load_dual_encoder(source.name, EncoderOptions(cache, "cuda", precision))
    _compare(found, _plain(source), LEAST_COSINE["fp32" if precision == "fp32" else "bf16"])


def test_plain_reference_is_open_clip_itself(tiny_source: ModelSource) -> None:
    """Our normalisation and tokens, against open_clip's transform and tokenizer, step by step."""
    import open_clip
    from open_clip.transform import PreprocessCfg, image_transform_v2

    loaded = load_torch_model(tiny_source)
    pictures = blobs(3, loaded.input)
    transform = image_transform_v2(PreprocessCfg(**loaded.model.visual.preprocess_cfg), False)
    tokens = open_clip.get_tokenizer(f"local-dir:{tiny_source.directory}")(TEXTS)
    with torch.no_grad():
        batch = torch.stack([transform(Image.fromarray(picture)) for picture in pictures])
        images = loaded.model.encode_image(batch, normalize=True).numpy()
        texts = loaded.model.encode_text(tokens, normalize=True).numpy()
    plain = _plain(tiny_source)
    np.testing.assert_allclose(plain.encode_images(pictures), images, atol=1e-5)
    np.testing.assert_allclose(plain.encode_texts(TEXTS), texts, atol=1e-5)
