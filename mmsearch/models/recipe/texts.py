"""Runs the frozen lower layers of the text tower once over every text of the recipe."""

from __future__ import annotations

import gzip
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import BertModel

from .class_names import object_names, with_article
from .config import TextConfig

logger = logging.getLogger(__name__)

FROZEN_LAYERS = 3
_BATCH = 256


@dataclass(frozen=True, slots=True)
class TokenCache:
    """What the frozen text tower says about n texts."""

    offsets: NDArray[np.int64]  # (n + 1,), text i has rows offsets[i]:offsets[i + 1]
    tokens: NDArray[np.float16]  # (offsets[-1], 384), output of layer FROZEN_LAYERS
    pooled: NDArray[np.float16]  # (n, 384), mean over the last layer's tokens

    def __len__(self) -> int:
        return len(self.pooled)

    def rows(self, text: int) -> NDArray[np.float16]:
        """The tokens of one text, (l, 384) float16."""
        return self.tokens[self.offsets[text] : self.offsets[text + 1]]


def read_free_captions(data: Path) -> list[str]:
    """The captions that have no picture here, one a line in their file."""
    with gzip.open(data / "captions" / "english_captions.txt.gz", "rt", encoding="utf-8") as file:
        return [line.strip() for line in file]


def sample_anchors(captions: Sequence[str], config: TextConfig) -> tuple[list[str], list[str]]:
    """Free captions and object names whose frozen embeddings the tuned tower must stay near."""
    free = list(captions)
    random.Random(config.seed).shuffle(free)  # noqa: S311  sampling, not secrets
    names = object_names()
    random.Random(config.seed).shuffle(names)  # noqa: S311
    named = [f"a photo of {with_article(name)}" for name in names[: config.object_names]]
    return free[: config.free_captions], named


def cache_texts(
    tower: BertModel, tokenizer: Tokenizer, texts: Sequence[str], path: Path
) -> TokenCache:
    """The token cache of `texts`, computed unless the file `path` (.npz) already holds it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".part.npz")
        cache = _run(tower, tokenizer, texts)
        np.savez(beside, offsets=cache.offsets, tokens=cache.tokens, pooled=cache.pooled)
        beside.replace(path)
        logger.info("%d texts cached in %s", len(texts), path.name)
    with np.load(path) as stored:
        return TokenCache(stored["offsets"], stored["tokens"], stored["pooled"])


def _run(tower: BertModel, tokenizer: Tokenizer, texts: Sequence[str]) -> TokenCache:
    encoded = [np.asarray(e.ids, dtype=np.int64) for e in tokenizer.encode_batch(list(texts))]
    lengths = np.asarray([len(ids) for ids in encoded])
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    tokens = np.zeros((offsets[-1], tower.config.hidden_size), np.float16)
    pooled = np.zeros((len(texts), tower.config.hidden_size), np.float16)
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), _BATCH):
        batch = order[start : start + _BATCH]
        ids, mask = _pad([encoded[i] for i in batch])
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            out = tower(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        middle = out.hidden_states[FROZEN_LAYERS].float().numpy()
        weights = mask[..., None].float()
        means = (out.last_hidden_state.float() * weights).sum(1) / weights.sum(1)
        pooled[batch] = means.numpy()
        for row, i in enumerate(batch):
            tokens[offsets[i] : offsets[i + 1]] = middle[row, : lengths[i]]
    return TokenCache(offsets, tokens, pooled)


def _pad(rows: Sequence[NDArray[np.int64]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask, both (b, l) int64, padded with [PAD] = 0."""
    longest = max(len(row) for row in rows)
    ids = np.zeros((len(rows), longest), np.int64)
    mask = np.zeros((len(rows), longest), np.int64)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return torch.from_numpy(ids), torch.from_numpy(mask)
