"""A tiny random reranker in the format that training writes, for tests of every room."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmsearch.rerank import (
    RerankerConfig,
    RerankerFacts,
    RerankerSource,
    region_projection,
    save_reranker,
)
from mmsearch.rerank.config import Arrangement
from mmsearch.rerank_types import Fusion, QueryBank, RegionCodes, RegionProjection
from mmsearch.types import Embeddings

_TEXT = "[PAD] [UNK] [CLS] [SEP] a the dog cat ball beach red green blue on two runs sits"
WORDS = _TEXT.split()


@dataclass(frozen=True, slots=True)
class TinyReranker:
    """What the tiny reranker is made of; the weights are random, equal for equal `seed`.

    `dim` is the dimension d of the dual encoder's embeddings.
    """

    arrangement: Arrangement = "lxmert"
    space_digest: str = "cd" * 32
    taps: tuple[str, ...] = ("visual",)
    channels_in: int = 8
    measured_lift: float = 1.5
    dim: int = 4
    seed: int = 0


def tiny_config(arrangement: Arrangement = "lxmert") -> RerankerConfig:
    """Sizes that take no time."""
    return RerankerConfig(
        arrangement=arrangement,
        vocabulary=len(WORDS),
        max_tokens=14,
        language_width=24,
        language_layers=2,
        language_heads=2,
        width=16,
        heads=2,
        region_layers=1,
        cross_layers=2,
        align_width=8,
        rows=2,
        columns=3,
        channels=5,
    )


def tiny_projection(recipe: TinyReranker) -> RegionProjection:
    """A random projection of `recipe.channels_in` channels to the tiny network's."""
    config = tiny_config()
    rng = np.random.default_rng(recipe.seed)
    weight = rng.normal(0, 30, (config.channels, recipe.channels_in)).astype(np.float32)
    bias = rng.normal(0, 5, config.channels).astype(np.float32)
    return region_projection(recipe.taps, config.rows, config.columns, weight, bias)


def tiny_bank(recipe: TinyReranker) -> QueryBank:
    """Random questions: five texts and three pictures."""
    rng = np.random.default_rng(recipe.seed)

    def rows(count: int) -> Embeddings:
        found = rng.normal(size=(count, recipe.dim)).astype(np.float32)
        unit: Embeddings = found / np.linalg.norm(found, axis=1, keepdims=True)
        return unit

    return QueryBank(rows(5), rows(3))


def build_tiny_reranker(directory: Path, recipe: TinyReranker | None = None) -> RerankerSource:
    """The reranker that `directory` now holds."""
    recipe = recipe or TinyReranker()
    facts = RerankerFacts(
        space_digest=recipe.space_digest,
        dual="tiny",
        projection=tiny_projection(recipe),
        fusion=Fusion(images=3.0, captions=2.0, image_hubness=0.5, caption_hubness=0.25),
        bank=tiny_bank(recipe),
        measured_lift=recipe.measured_lift,
    )
    return save_reranker(tiny_network(recipe), facts, tiny_tokenizer(), directory)


def tiny_network(recipe: TinyReranker):  # type: ignore[no-untyped-def]  # torch is imported late
    """The random network: wide-spread weights, so that different pairs score differently."""
    import torch

    from mmsearch.rerank.network import RerankNetwork

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = RerankNetwork(tiny_config(recipe.arrangement))
        with torch.no_grad():
            for values in network.parameters():
                if values.ndim > 1:
                    values.normal_(0, 1.5 / values.shape[-1] ** 0.5)
    return network.eval()


def tiny_tokenizer() -> bytes:
    """The `tokenizer.json` of `WORDS`, with BERT's [CLS] and [SEP]."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    ids = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="[UNK]"))  # noqa: S106 - no secret
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(
        ("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"])
    )
    text: str = tokenizer.to_str()
    return text.encode()


def random_codes(count: int, seed: int = 0) -> RegionCodes:
    """Codes `(count, r, c)` of as many pictures."""
    config = tiny_config()
    shape = (count, config.regions, config.channels)
    return np.random.default_rng(seed).integers(-100, 101, shape).astype(np.int8)
