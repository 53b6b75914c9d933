"""Two tiny models of both text-tower kinds, and a cache shared by all tests of this folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mmsearch.encoders import ModelSource, resolve_model
from mmsearch.types import ImageTensor, InputSpec
from tests.tiny_model import build_tiny_model


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that is empty when the session starts."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def tiny_source(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    """An EfficientNet with a Hugging Face text tower, like the shipped model."""
    directory = build_tiny_model(tmp_path_factory.mktemp("tiny") / "model", seed=1)
    return resolve_model(str(directory), cache)


@pytest.fixture(scope="session")
def native_source(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    """A vision transformer with open_clip's own text tower and byte-pair tokenizer, like CLIP."""
    import torch
    from open_clip import create_model
    from safetensors.torch import save_file

    directory = tmp_path_factory.mktemp("native")
    vision = {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8}
    text = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
    model_config = {"embed_dim": 24, "vision_cfg": vision, "text_cfg": text}
    (directory / "open_clip_config.json").write_text(json.dumps({"model_cfg": model_config}))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = create_model(f"local-dir:{directory}", load_weights=False)
    save_file(model.state_dict(), directory / "open_clip_model.safetensors")
    return resolve_model(str(directory), cache)


def blobs(count: int, spec: InputSpec, seed: int = 0) -> ImageTensor:
    """Smooth random pictures `(count, h, w, 3)` uint8."""
    from PIL import Image

    coarse = np.random.default_rng(seed).integers(0, 256, (count, 6, 6, 3), dtype=np.uint8)
    size = (spec.width, spec.height)
    return np.stack([np.asarray(Image.fromarray(one).resize(size)) for one in coarse])
