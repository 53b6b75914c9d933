"""Writes a dual encoder as a directory in open_clip's own local-dir format."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import BertModel

from .towers import IMAGE_TOWER
from .tuned import Heads
from .vocabulary import prune_rows, prune_tokenizer

logger = logging.getLogger(__name__)

WEIGHTS = "open_clip_model.safetensors"
POSITIONS = 64


def head_state(heads: Heads) -> dict[str, Tensor]:
    """Both projections and the logits' scale in open_clip's names.

    What the heads divide and multiply by is left out: the embeddings are normalised anyway.
    """
    return {
        "visual.head.proj.weight": heads.image.weight,
        "text.proj.weight": heads.text.weight,
        "logit_scale": heads.logit_scale,
    }


def tower_state(image: nn.Module, text: BertModel, keep: NDArray[np.int64]) -> dict[str, Tensor]:
    """Both towers' parameters in open_clip's names, the vocabulary pruned to `keep`, (v,) int64."""
    state = {
        f"visual.trunk.{name}": value
        for name, value in image.state_dict().items()
        if not name.startswith("classifier.")
    }
    for name, value in text.state_dict().items():
        if name.endswith("position_ids"):
            continue
        state[f"text.transformer.{name}"] = value
    embeddings = "text.transformer.embeddings"
    word = f"{embeddings}.word_embeddings.weight"
    state[word] = prune_rows(state[word], keep)
    position = f"{embeddings}.position_embeddings.weight"
    state[position] = state[position][:POSITIONS]
    return state


def write_model(
    out: Path, state: dict[str, Tensor], text_tower: Path, keep: NDArray[np.int64], size: int
) -> None:
    """Writes weights (float16), configs and tokenizer; `out` is then a loadable model directory.

    Args:
        out: Directory to write to; made when missing.
        state: Every parameter of the dual encoder in open_clip's names, `logit_scale` too.
        text_tower: Directory of the full text tower, the source of the tokenizer.
        keep: (v,) int64, old id of each piece.
        size: Side of the square input in pixels.
    """
    out.mkdir(parents=True, exist_ok=True)
    prune_tokenizer(text_tower, keep, out, POSITIONS)
    half = {
        name: (value.half() if value.is_floating_point() else value).detach().clone().contiguous()
        for name, value in state.items()
    }
    beside = out / f"{WEIGHTS}.part"
    save_file(half, beside, metadata={"format": "pt"})
    beside.replace(out / WEIGHTS)
    config = json.dumps(open_clip_config(state, size), indent=2) + "\n"
    (out / "open_clip_config.json").write_text(config, encoding="utf-8")
    total = sum(f.stat().st_size for f in out.iterdir())
    logger.info("wrote %s, %.1f MB", out, total / 1e6)


def open_clip_config(state: dict[str, Tensor], size: int) -> dict[str, object]:
    """The model and preprocessing configuration that fits `state`."""
    vision = {
        "timm_model_name": IMAGE_TOWER,
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "timm_proj": "linear",
        "image_size": size,
    }
    text = {
        "hf_model_name": ".",
        "hf_model_pretrained": False,
        "hf_tokenizer_name": ".",
        "hf_pooler_type": "mean_pooler",
        "hf_proj_type": "linear",
        "context_length": POSITIONS,
    }
    model = {
        "embed_dim": state["text.proj.weight"].shape[0],
        "vision_cfg": vision,
        "text_cfg": text,
        "custom_text": True,
    }
    preprocess = {
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "interpolation": "bicubic",
        "resize_mode": "squash",
    }
    return {"model_cfg": model, "preprocess_cfg": preprocess}
