"""Stage 1: trains the two projections on what the frozen towers put out."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .config import HeadsConfig
from .losses import class_distillation, contrastive, own_targets
from .prepared import Prepared
from .sampling import Batch, batches
from .tuned import Heads

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Pooled:
    """The frozen towers' pooled outputs as float32 tensors."""

    images: tuple[Tensor, ...]  # (n, 1280) a view
    classes: tuple[Tensor, ...]  # (n, 1000) a view
    captions: Tensor  # (c, 384)
    names: Tensor  # (t, 384)


def cosine(step: int, steps: int, warmup: int = 0) -> float:
    """Factor of the learning rate: linear warm-up, then half a cosine to zero."""
    return min(1.0, (step + 1) / max(1, warmup)) * (0.5 + 0.5 * math.cos(math.pi * step / steps))


def train_heads(data: Prepared, config: HeadsConfig) -> Heads:
    """Heads trained with InfoNCE on captions and distillation of class names."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    pooled = _pooled(data)
    flickr = data.pools.flickr
    heads = Heads(float(pooled.images[0][torch.from_numpy(flickr)].std()), config.dim)
    optimizer = torch.optim.AdamW(heads.parameters(), weight_decay=config.weight_decay)
    steps = config.epochs * (len(flickr) // config.sampling.flickr)
    drawn = batches(data.captions, data.pools, config.sampling, rng)
    for step in range(steps):
        loss = _loss(heads, pooled, data, next(drawn), (config, rng))
        for group in optimizer.param_groups:
            group["lr"] = config.lr * cosine(step, steps)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        heads.clamp()
    logger.info("heads: %d steps", steps)
    return heads.eval()


def _loss(
    heads: Heads,
    pooled: _Pooled,
    data: Prepared,
    batch: Batch,
    settings: tuple[HeadsConfig, np.random.Generator],
) -> Tensor:
    config, rng = settings
    view = int(rng.integers(len(pooled.images)))
    pictures = torch.from_numpy(batch.pictures)
    features = functional.dropout(pooled.images[view][pictures], config.dropout)
    images = heads.embed_images(features)
    captions = pooled.captions[torch.from_numpy(batch.captions)]
    texts = heads.embed_texts(functional.dropout(captions, config.text_dropout))
    scale = heads.logit_scale.exp()
    loss = contrastive(images, texts, batch, own_targets(batch, data.captions), scale)
    named = np.asarray([rng.choice(own) for own in data.class_rows])
    names = heads.embed_texts(pooled.names[torch.from_numpy(named)])
    known = class_distillation(images, names, pooled.classes[view][pictures], scale)
    return loss + config.distillation * known


def _pooled(data: Prepared) -> _Pooled:
    return _Pooled(
        tuple(torch.from_numpy(v.pooled).float() for v in data.views),
        tuple(torch.from_numpy(v.classes).float() for v in data.views),
        torch.from_numpy(data.caption_tokens.pooled).float(),
        torch.from_numpy(data.class_tokens.pooled).float(),
    )
