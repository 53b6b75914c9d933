"""The language side that a cross encoder starts from: a BERT with its tokenizer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmsearch.encoders.definition import TEXT_CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE
from mmsearch.encoders.sources import ModelSource
from mmsearch.errors import ConfigError, ModelError
from mmsearch.rerank.config import RerankerConfig
from mmsearch.rerank.language import LanguageEncoder

_TOWER = "text.transformer."
_EMBEDDINGS = {
    "words.weight": "embeddings.word_embeddings.weight",
    "positions.weight": "embeddings.position_embeddings.weight",
    "segments.weight": "embeddings.token_type_embeddings.weight",
    "norm.weight": "embeddings.LayerNorm.weight",
    "norm.bias": "embeddings.LayerNorm.bias",
}
_LAYER = {
    "attention.attention.query": "attention.self.query",
    "attention.attention.key": "attention.self.key",
    "attention.attention.value": "attention.self.value",
    "attention.attention.out": "attention.output.dense",
    "attention.norm": "attention.output.LayerNorm",
    "feed_forward.wide": "intermediate.dense",
    "feed_forward.narrow": "output.dense",
    "feed_forward.norm": "output.LayerNorm",
}
"""Our names of a layer's parts, and those of Hugging Face's BERT."""
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@dataclass(frozen=True, slots=True, eq=False)
class LanguageStart:
    """A pretrained language encoder.

    `weights` are named as in Hugging Face's BERT; `tokenizer` is the content of a
    `tokenizer.json`; `special` are the ids of [PAD], [UNK], [CLS], [SEP], [MASK]; `mask_id` is the
    last, `pad_id` the first.
    """

    weights: Mapping[str, Tensor]
    tokenizer: bytes
    layers: int
    heads: int
    pad_id: int
    mask_id: int
    special: tuple[int, ...]

    def network_config(self, config: RerankerConfig) -> RerankerConfig:
        """`config` with the language side's sizes; it has at most the layers that there are.

        Raises:
            ConfigError: It takes longer texts than the encoder has positions for.
        """
        positions = len(self.weights[_EMBEDDINGS["positions.weight"]])
        if config.max_tokens > positions:
            raise ConfigError(
                f"training: max_tokens is {config.max_tokens}, the language encoder has only "
                f"{positions} positions"
            )
        vocabulary, width = self.weights[_EMBEDDINGS["words.weight"]].shape
        return replace(
            config,
            vocabulary=vocabulary,
            language_width=width,
            language_heads=self.heads,
            language_layers=min(config.language_layers, self.layers),
            pad_id=self.pad_id,
        )

    def copy_to(self, language: LanguageEncoder) -> None:
        """Overwrite the weights of an encoder of `network_config`'s sizes."""
        state: dict[str, Tensor] = {}
        for own, theirs in _EMBEDDINGS.items():
            state[own] = self.weights[theirs]
        state["positions.weight"] = state["positions.weight"][: language.positions.num_embeddings]
        for number in range(len(language.layers)):
            for own, theirs in _LAYER.items():
                for part in ("weight", "bias"):
                    name = f"encoder.layer.{number}.{theirs}.{part}"
                    state[f"layers.{number}.{own}.{part}"] = self.weights[name]
        language.load_state_dict(state)

    def encode(self, texts: Sequence[str], max_tokens: int) -> tuple[NDArray[np.int64], ...]:
        """Token ids of each text, as `rerank.tokenize` will give them."""
        from tokenizers import Tokenizer

        engine = Tokenizer.from_str(self.tokenizer.decode("utf-8"))
        engine.no_padding()
        engine.enable_truncation(max_length=max_tokens)
        return tuple(np.array(engine.encode(text).ids, np.int64) for text in texts)

    def decode(self, tokens: Sequence[NDArray[np.int64]]) -> list[str]:
        """The texts that token rows stand for, as far as the tokenizer kept them."""
        from tokenizers import Tokenizer

        engine = Tokenizer.from_str(self.tokenizer.decode("utf-8"))
        return [
            engine.decode([token for token in row.tolist() if token not in self.special])
            for row in tokens
        ]

    @property
    def unknown_id(self) -> int:
        """The token of words that are not in the vocabulary."""
        return self.special[_SPECIAL.index("[UNK]")]

    def is_word(self, tokens: Tensor) -> Tensor:
        """Where `tokens` are words and not special ones, bool of their shape."""
        return ~torch.isin(tokens, torch.tensor(self.special))


def language_start(dual: ModelSource, shipped: ModelSource) -> LanguageStart:
    """The text tower of `dual` where it is a BERT that fits, else that of `shipped`.

    Raises:
        ModelError: The shipped model's cannot be read.
    """
    own = _read(dual.directory)
    start = own or _read(shipped.directory)
    if start is None:
        raise ModelError(
            f"the text tower of {shipped.directory} is no BERT: reinstall mmsearch, or train on "
            "a model whose text tower is one"
        )
    return start


def _read(directory: Path) -> LanguageStart | None:
    """The BERT in a model directory; None where the text tower is something else."""
    from safetensors import SafetensorError, safe_open

    try:
        config = json.loads((directory / TEXT_CONFIG_FILE).read_text("utf-8"))
        tokenizer = (directory / TOKENIZER_FILE).read_bytes()
    except (OSError, ValueError):
        return None
    if not _fits(config):
        return None
    special = _special_ids(tokenizer)
    try:
        with safe_open(directory / WEIGHTS_FILE, framework="pt") as tensors:
            weights = {
                name.removeprefix(_TOWER): tensors.get_tensor(name).float()
                for name in tensors.keys()  # noqa: SIM118 - it is no mapping
                if name.startswith(_TOWER)
            }
    except (OSError, SafetensorError) as exc:
        raise ModelError(
            f"{directory / WEIGHTS_FILE} cannot be read ({exc}): give a complete model directory"
        ) from exc
    if special is None or not set(_EMBEDDINGS.values()) <= set(weights):
        return None
    sizes = (int(config["num_hidden_layers"]), int(config["num_attention_heads"]))
    return LanguageStart(weights, tokenizer, *sizes, special[0], special[-1], special)


def _fits(config: Mapping[str, object]) -> bool:
    """Whether `config.json` describes the BERT that `LanguageEncoder` computes."""
    width = config.get("hidden_size")
    return (
        config.get("model_type") == "bert"
        and isinstance(width, int)
        and config.get("intermediate_size") == 4 * width
        and config.get("hidden_act", "gelu") == "gelu"
        and config.get("type_vocab_size", 2) == 2
        and config.get("position_embedding_type", "absolute") == "absolute"
    )


def _special_ids(tokenizer: bytes) -> tuple[int, ...] | None:
    """Ids of the special tokens, in their order; None where one is missing."""
    from tokenizers import Tokenizer

    try:
        engine = Tokenizer.from_str(tokenizer.decode("utf-8"))
    except Exception:  # noqa: BLE001 - the library raises bare Exception
        return None
    found = (engine.token_to_id(token) for token in _SPECIAL)
    ids = tuple(number for number in found if number is not None)
    return ids if len(ids) == len(_SPECIAL) else None
