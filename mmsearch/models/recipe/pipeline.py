"""Runs the recipe's stages in order; what a stage leaves on disk is not computed again."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import nn
from transformers import BertModel

from .activations import cache_view
from .class_names import class_texts, lemma_lines
from .config import Inputs, RecipeConfig
from .export import head_state, tower_state, write_model
from .heads import train_heads
from .joint import JointTrainer, Tuned
from .pictures import read_pictures
from .prepared import Prepared
from .sampling import gather_captions, split_pools
from .texts import cache_texts, read_free_captions, sample_anchors
from .towers import load_image_tower, load_text_tower
from .tuned import Heads, ImageTail, TextTail
from .vocabulary import choose_pieces

logger = logging.getLogger(__name__)

# The test split is never read here.
_SPLITS = frozenset({"train", "restval", "val"})


@dataclass(frozen=True, slots=True)
class Towers:
    """The two pretrained towers and the text tower's full tokenizer."""

    image: nn.Module
    text: BertModel
    tokenizer: Tokenizer


def run(inputs: Inputs, out: Path, work: Path, config: RecipeConfig) -> None:
    """Trains the shipped dual encoder from the named inputs.

    Args:
        inputs: The data and the pretrained towers.
        out: Gets the model directory, and beside it OUT-baseline, the heads-only model.
        work: Gets the caches (4 GB) and checkpoints.
        config: All settings.
    """
    torch.set_num_threads(config.threads)
    towers = load_towers(inputs)
    keep = _vocabulary(inputs, towers, config)
    data = prepare(inputs, towers, work, config)
    heads = _heads(data, work, config)
    frozen = Tuned(ImageTail(towers.image), TextTail(towers.text), heads)
    baseline = out.with_name(f"{out.name}-baseline")
    export(frozen, towers, keep, baseline, inputs.text_tower, config)
    tuned = JointTrainer(frozen, data, config.joint, work / "joint").run()
    export(tuned, towers, keep, out, inputs.text_tower, config)


def load_towers(inputs: Inputs) -> Towers:
    """The towers as published."""
    tokenizer = Tokenizer.from_file(str(inputs.text_tower / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return Towers(
        load_image_tower(inputs.image_weights), load_text_tower(inputs.text_tower), tokenizer
    )


def prepare(inputs: Inputs, towers: Towers, work: Path, config: RecipeConfig) -> Prepared:
    """Everything the frozen halves compute, from `work` where it is there already."""
    pictures = read_pictures(inputs.data, _SPLITS)
    captions = gather_captions(pictures)
    views = tuple(
        cache_view(towers.image, pictures, view, work / "views", config.view)
        for view in range(config.view.count)
    )
    named = class_texts()
    ends = np.cumsum([len(texts) for texts in named])
    rows = tuple(np.arange(end - len(t), end) for end, t in zip(ends, named, strict=True))
    free, things = sample_anchors(read_free_captions(inputs.data), config.text)
    towers.tokenizer.enable_truncation(config.text.max_pieces)
    tokens = {
        name: cache_texts(towers.text, towers.tokenizer, texts, work / "texts" / f"{name}.npz")
        for name, texts in (
            ("captions", captions.texts),
            ("classes", [text for texts in named for text in texts]),
            ("free", free),
            ("things", things),
        )
    }
    return Prepared(
        views=views,
        first_written=1 + config.view.crops,
        captions=captions,
        pools=split_pools(pictures, config.joint.sampling),
        caption_tokens=tokens["captions"],
        class_tokens=tokens["classes"],
        class_rows=rows,
        anchors=(tokens["free"], tokens["things"]),
    )


def export(
    model: Tuned,
    towers: Towers,
    keep: NDArray[np.int64],
    out: Path,
    text_tower: Path,
    config: RecipeConfig,
) -> None:
    """Writes `model` in the towers' own layouts as a model directory."""
    model.image.write_back(towers.image)
    model.text.write_back(towers.text)
    state = tower_state(towers.image, towers.text, keep)
    state |= head_state(model.heads)
    write_model(out, state, text_tower, keep, config.view.size)


def _vocabulary(inputs: Inputs, towers: Towers, config: RecipeConfig) -> NDArray[np.int64]:
    pictures = read_pictures(inputs.data, frozenset({"train"}))
    texts = [text for picture in pictures for text in picture.captions]
    texts += read_free_captions(inputs.data)
    return choose_pieces(towers.tokenizer, texts, lemma_lines(), config.text.pieces)


def _heads(data: Prepared, work: Path, config: RecipeConfig) -> Heads:
    path = work / "heads.pt"
    if path.exists():
        state = torch.load(path, weights_only=True)
        heads = Heads(float(state.pop("feature_scale")), config.heads.dim)
        heads.load_state_dict(state)
        return heads.eval()
    heads = train_heads(data, config.heads)
    torch.save({**heads.state_dict(), "feature_scale": heads.feature_scale}, path)
    return heads
