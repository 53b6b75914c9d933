"""A tiny random BERT in Hugging Face's layout, for tests of what starts from one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    import transformers

_SPECIAL = 5
"""The first tokens, [PAD] [UNK] [CLS] [SEP] [MASK], are special."""


def bert(vocabulary: int, seed: int = 0) -> transformers.BertModel:
    """Two layers of width 24 with two heads; the weights are equal for equal `seed`."""
    import torch
    import transformers

    config = transformers.BertConfig(
        vocab_size=vocabulary,
        hidden_size=24,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=16,
        initializer_range=0.3,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return transformers.BertModel(config, add_pooling_layer=False).eval()


def bert_weights(vocabulary: int, seed: int = 0) -> dict[str, torch.Tensor]:
    """The weights of `bert` by name."""
    return dict(bert(vocabulary, seed).state_dict())


def word_tokenizer(words: Sequence[str]) -> bytes:
    """A `tokenizer.json` that knows whole words, with BERT's [CLS] and [SEP]."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    ids = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))  # noqa: S106 - no secret
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(
        ("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"])
    )
    tokenizer.add_special_tokens(list(words[:_SPECIAL]))
    text: str = tokenizer.to_str()
    return text.encode()


def write_bert_directory(directory: Path, words: Sequence[str], seed: int = 0) -> Path:
    """`directory` with what a model directory holds of a BERT text tower."""
    from safetensors.torch import save_file

    directory.mkdir(parents=True, exist_ok=True)
    model = bert(len(words), seed)
    weights = {f"text.transformer.{k}": v.contiguous() for k, v in model.state_dict().items()}
    save_file(weights, directory / "open_clip_model.safetensors")
    (directory / "config.json").write_text(json.dumps(model.config.to_dict()), "utf-8")
    (directory / "tokenizer.json").write_bytes(word_tokenizer(words))
    return directory
