"""Stage 2: tunes the upper halves of both towers together with the heads."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .config import JointConfig
from .drawing import StepInput, draw, read_grids
from .heads import cosine
from .losses import (
    anchoring,
    class_distillation,
    contrastive,
    own_targets,
    softened,
    steadiness,
)
from .parallel import Part, Split, Threads
from .prepared import Prepared
from .retrieval import Recalls, label_recalls, recalls
from .sampling import Indices, batches
from .tuned import Heads, ImageTail, TextParts, TextTail

logger = logging.getLogger(__name__)

_CHUNK = 32


class Tuned(nn.Module):
    """The trainable half of the dual encoder."""

    def __init__(self, image: ImageTail, text: TextTail, heads: Heads) -> None:
        super().__init__()
        self.image, self.text, self.heads = image, text, heads

    def pool_images(self, grids: Tensor, drop_path: float, threads: Threads) -> Split:
        """Begins (b, 1280) pooled features of (b, h, w, c) cached activations."""
        return threads.forward(
            lambda part: self.image(part.permute(0, 3, 1, 2), drop_path),
            grids.chunk(-(-len(grids) // _CHUNK)),
        )


class JointTrainer:
    """Runs the steps of stage 2, evaluates and checkpoints as it goes."""

    def __init__(self, model: Tuned, data: Prepared, config: JointConfig, folder: Path) -> None:
        self._model, self._data, self._config, self._folder = model, data, config, folder
        self._average = copy.deepcopy(model).eval()
        self._optimizer = torch.optim.AdamW(_groups(model, config))
        self._threads = Threads(config.threads)
        self._start = 0
        folder.mkdir(parents=True, exist_ok=True)

    def run(self) -> Tuned:
        """The mean of the moving averages that were kept (model soup, Wortsman et al. 2022)."""
        config, data = self._config, self._data
        self._resume()
        torch.manual_seed(config.seed + self._start)
        rng = np.random.default_rng(config.seed + self._start)
        drawn = batches(data.captions, data.pools, config.sampling, rng)
        for step in range(self._start, config.steps):
            self._model.train()
            self._optimizer.zero_grad()
            loss = self._backward(draw(next(drawn), data, config, rng))
            self._update(step)
            if (step + 1) % config.evaluated_every == 0:
                logger.info("step %d loss %.3f %s", step + 1, loss, self.evaluate())
                self._save(step + 1)
        self._average.load_state_dict(_mean([self._kept(step) for step in config.averaged]))
        logger.info("mean of steps %s: %s", config.averaged, self.evaluate())
        return self._average

    def _backward(self, step: StepInput) -> float:
        """The loss of one step, with its gradients left in the model."""
        config, model, threads = self._config, self._model, self._threads
        images = model.pool_images(step.grids, config.drop_path, threads)
        steady = model.pool_images(step.steady, 0.0, threads)
        texts = TextParts(step.tokens, config.token_dropout)
        pooled = threads.forward(model.text.pool, texts.parts)
        dropped = functional.dropout(images.joined(), config.dropout)
        loss = self._loss(step, dropped, steady.joined(), texts.in_order(pooled.joined()))
        torch.autograd.backward(loss)
        for part in [job for split in (images, steady, pooled) for job in split.backward()]:
            part.result()
        return loss.item()

    def _loss(self, step: StepInput, images: Tensor, steady: Tensor, texts: Tensor) -> Tensor:
        """The weighted sum of all terms, of pooled features."""
        config, heads = self._config, self._model.heads
        captions, named = len(step.batch.captions), step.classes.shape[1]
        embedded = heads.embed_images(images)
        embeddings = heads.embed_texts(texts[: captions + named])
        captioned, names = torch.split_with_sizes(embeddings, [captions, named])
        scale = heads.logit_scale.exp()
        targets = own_targets(step.batch, self._data.captions)
        targets = softened(targets, step.batch, step.frozen[:captions], config)
        loss = contrastive(embedded, captioned, step.batch, targets, scale)
        loss = loss + config.distillation * class_distillation(embedded, names, step.classes, scale)
        loss = loss + config.anchor_weight * anchoring(texts, step.frozen)
        return loss + config.steady_weight * steadiness(*heads.embed_images(steady).chunk(2))

    def _update(self, step: int) -> None:
        config = self._config
        factor = cosine(step, config.steps, config.warmup)
        for group in self._optimizer.param_groups:
            group["lr"] = group["base"] * factor
        nn.utils.clip_grad_norm_(self._model.parameters(), config.clip_norm)
        self._optimizer.step()
        self._model.heads.clamp()
        decay = min(config.ema, (step + 1) / (step + 10))
        pairs = zip(self._average.parameters(), self._model.parameters(), strict=True)
        with torch.no_grad():
            for average, current in pairs:
                average.lerp_(current, 1 - decay)

    def evaluate(self) -> tuple[Recalls, tuple[float, ...], float]:
        """Validation figures of the averaged weights.

        Recalls on Flickr8k both ways, on photos_mix by text, and the mean cosine between plain
        and written-over views.
        """
        data, captions = self._data, self._data.captions
        gallery = data.pools.flickr_val
        images, texts = self._embed(gallery, np.concatenate([captions.members[i] for i in gallery]))
        owner = np.repeat(np.arange(len(gallery)), [len(captions.members[i]) for i in gallery])
        flickr = recalls(images, texts, owner)
        gallery = data.pools.mix_val
        first = np.asarray([captions.members[i][0] for i in gallery])
        mix = label_recalls(*self._embed(gallery, first), captions, gallery)
        plain, written = (self._embed_images(v, gallery) for v in (0, data.first_written))
        return flickr, mix, float((plain * written).sum(1).mean())

    def _embed(self, pictures: Indices, texts: Indices) -> tuple[Tensor, Tensor]:
        parts = TextParts([self._data.caption_tokens.rows(int(i)) for i in texts])
        pooled = self._threads.forward(_without_grad(self._average.text.pool), parts.parts)
        with torch.no_grad():
            embedded = self._average.heads.embed_texts(parts.in_order(pooled.joined()))
        return self._embed_images(0, pictures), embedded

    def _embed_images(self, view: int, pictures: Indices) -> Tensor:
        cache, tail = self._data.views[view], self._average.image

        def pool(part: Indices) -> Tensor:
            pooled: Tensor = tail(read_grids(cache, part).permute(0, 3, 1, 2))
            return pooled

        chunks = np.array_split(pictures, max(1, len(pictures) // _CHUNK))
        with torch.no_grad():
            joined = self._threads.forward(_without_grad(pool), chunks).joined()
            return self._average.heads.embed_images(joined)

    def _save(self, step: int) -> None:
        state = {
            "step": step,
            "model": self._model.state_dict(),
            "average": self._average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }
        torch.save(state["average"], self._folder / f"average_{step}.pt")
        beside = self._folder / "last.part"
        torch.save(state, beside)
        beside.replace(self._folder / "last.pt")

    def _kept(self, step: int) -> dict[str, Tensor]:
        path = self._folder / f"average_{step}.pt"
        state: dict[str, Tensor] = torch.load(path, weights_only=True)
        return state

    def _resume(self) -> None:
        """Goes on from the last checkpoint, with fresh random numbers."""
        path = self._folder / "last.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        self._model.load_state_dict(state["model"])
        self._average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._start = int(state["step"])
        logger.info("resuming at step %d", self._start)


def _without_grad(run: Callable[[Part], Tensor]) -> Callable[[Part], Tensor]:
    """`run` for a thread of its own, which does not inherit that gradients are off."""
    return torch.no_grad()(run)


def _mean(states: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]}


def _groups(model: Tuned, config: JointConfig) -> Iterator[dict[str, object]]:
    """Parameter groups: one learning rate a part, no weight decay on vectors and scalars."""
    rates: Sequence[tuple[nn.Module, float]] = (
        (model.image, config.lr_image),
        (model.text, config.lr_text),
        (model.heads, config.lr_heads),
    )
    for part, rate in rates:
        for decayed in (True, False):
            trained = (p for p in part.parameters() if p.requires_grad)
            chosen = [p for p in trained if (p.ndim > 1) == decayed]
            decay = config.weight_decay if decayed else 0.0
            yield {"params": chosen, "base": rate, "lr": 0.0, "weight_decay": decay}
