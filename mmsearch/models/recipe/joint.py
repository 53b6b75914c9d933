"""Stage 2: tunes the upper halves of both towers together with the heads."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .activations import ViewCache
from .config import JointConfig
from .heads import cosine
from .losses import anchoring, class_distillation, contrastive
from .prepared import Prepared
from .retrieval import Recalls, label_recalls, recalls
from .sampling import Batch, Indices, batches
from .texts import TokenCache
from .tuned import Heads, ImageTail, TextTail

logger = logging.getLogger(__name__)


class Tuned(nn.Module):
    """The trainable half of the dual encoder."""

    def __init__(self, image: ImageTail, text: TextTail, heads: Heads) -> None:
        super().__init__()
        self.image, self.text, self.heads = image, text, heads

    def embed_images(self, view: ViewCache, pictures: Indices, config: JointConfig) -> Tensor:
        """(b, d) embeddings of one cached view of `pictures`."""
        stored = np.stack([view.activations[i] for i in pictures]).astype(np.float32)
        pooled = self.image(torch.from_numpy(stored).permute(0, 3, 1, 2), config.drop_path)
        return self.heads.embed_images(functional.dropout(pooled, config.dropout, self.training))

    def embed_captions(self, tokens: TokenCache, texts: Indices) -> Tensor:
        """(m, d) embeddings of cached texts."""
        return self.heads.embed_texts(self.text.pool([tokens.rows(int(i)) for i in texts]))


class JointTrainer:
    """Runs the steps of stage 2, evaluates and checkpoints as it goes."""

    def __init__(self, model: Tuned, data: Prepared, config: JointConfig, folder: Path) -> None:
        self._model, self._data, self._config, self._folder = model, data, config, folder
        self._average = copy.deepcopy(model).eval()
        self._optimizer = torch.optim.AdamW(_groups(model, config))
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
            loss = self._loss(next(drawn), rng)
            self._update(loss, step)
            if step + 1 in config.averaged:
                logger.info("step %d loss %.3f %s", step + 1, loss.item(), self.evaluate())
                self._save(step + 1)
        self._average.load_state_dict(_mean([self._kept(step) for step in config.averaged]))
        logger.info("mean of steps %s: %s", config.averaged, self.evaluate())
        return self._average

    def _loss(self, batch: Batch, rng: np.random.Generator) -> Tensor:
        data, config, model = self._data, self._config, self._model
        view = data.views[rng.integers(len(data.views))]
        classes = torch.from_numpy(view.classes[batch.pictures].astype(np.float32))
        chosen = _choose_classes(classes, config.classes, rng)
        named = np.asarray([rng.choice(data.class_rows[c]) for c in chosen])
        groups = [(data.caption_tokens, batch.captions), (data.class_tokens, named)]
        groups += [(t, rng.choice(len(t), config.anchors, replace=False)) for t in data.anchors]
        pooled = model.text.pool([t.rows(int(i)) for t, rows in groups for i in rows])
        frozen = np.concatenate([t.pooled[rows] for t, rows in groups]).astype(np.float32)
        split = len(batch.captions)
        texts = model.heads.embed_texts(pooled[: split + len(named)])
        images = model.embed_images(view, batch.pictures, config)
        scale = model.heads.logit_scale.exp()
        loss = contrastive(images, texts[:split], batch, data.captions, scale)
        known = class_distillation(images, texts[split:], classes[:, chosen], scale)
        kept = anchoring(pooled, torch.from_numpy(frozen))
        return loss + config.distillation * known + config.anchor_weight * kept

    def _update(self, loss: Tensor, step: int) -> None:
        config = self._config
        span = [span for start, span in config.cosine_spans if step >= start][-1]
        factor = cosine(step, span, config.warmup)
        for group in self._optimizer.param_groups:
            group["lr"] = group["base"] * factor
        self._optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self._model.parameters(), config.clip_norm)
        self._optimizer.step()
        self._model.heads.clamp()
        decay = min(config.ema, (step + 1) / (step + 10))
        pairs = zip(self._average.parameters(), self._model.parameters(), strict=True)
        with torch.no_grad():
            for average, current in pairs:
                average.lerp_(current, 1 - decay)

    def evaluate(self) -> tuple[Recalls, tuple[float, ...]]:
        """Validation recalls of the averaged weights: Flickr8k both ways, photos_mix by text."""
        data, captions = self._data, self._data.captions
        gallery = data.pools.flickr_val
        images, texts = self._embed(gallery, np.concatenate([captions.members[i] for i in gallery]))
        owner = np.repeat(np.arange(len(gallery)), [len(captions.members[i]) for i in gallery])
        flickr = recalls(images, texts, owner)
        gallery = data.pools.mix_val
        first = np.asarray([captions.members[i][0] for i in gallery])
        mix = label_recalls(*self._embed(gallery, first), captions, gallery)
        return flickr, mix

    def _embed(self, pictures: Indices, texts: Indices) -> tuple[Tensor, Tensor]:
        with torch.inference_mode():
            parts = [
                self._average.embed_images(self._data.views[0], part, self._config)
                for part in np.array_split(pictures, max(1, len(pictures) // 100))
            ]
            embedded = self._average.embed_captions(self._data.caption_tokens, texts)
        return torch.cat(parts), embedded

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
            chosen = [p for p in part.parameters() if (p.ndim > 1) == decayed]
            decay = config.weight_decay if decayed else 0.0
            yield {"params": chosen, "base": rate, "lr": 0.0, "weight_decay": decay}


def _choose_classes(classes: Tensor, count: int, rng: np.random.Generator) -> Indices:
    """The two likeliest classes of each picture, filled up to `count` at random, ascending."""
    likely = np.unique(classes.topk(2).indices.numpy())
    others = rng.choice(np.setdiff1d(np.arange(classes.shape[1]), likely), count, replace=False)
    missing = max(0, count - len(likely))
    return np.sort(np.concatenate([likely, others[:missing]]))
