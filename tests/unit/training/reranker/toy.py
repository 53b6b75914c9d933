"""Toy examples: pictures of coloured cells, captions that name the colours, a random BERT."""

from __future__ import annotations

import numpy as np
import torch

from mmsearch.rerank.config import RerankerConfig
from mmsearch.rerank_types import QueryBank
from mmsearch.training.reranker import Drawing, RerankerTrainConfig
from mmsearch.training.reranker.examples import Examples, Pool, Reduction, ValidationSet
from mmsearch.training.reranker.language import LanguageStart

COLOURS = ("red", "green", "blue", "white", "black", "grey")
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "on", "dog", "ball", *COLOURS)
N_PICTURES, N_TRAIN, N_CELLS, WIDTH, DIM = 60, 44, 4, 16, 12


def toy_config() -> RerankerTrainConfig:
    """A run of a second or two."""
    network = RerankerConfig(
        dropout=0.0,
        max_tokens=10,
        language_layers=2,
        width=32,
        heads=4,
        region_layers=1,
        cross_layers=1,
        align_width=16,
        rows=2,
        columns=2,
        channels=14,
    )
    return RerankerTrainConfig(
        network=network,
        drawing=Drawing(seeds=4, neighbours=2, captions=2, masked_pairs=6),
        frozen_layers=1,
        dual_channels=10,
        steps=8,
        validate_steps=4,
        val_queries=20,
        final_queries=40,
        val_batches=2,
        depth=8,
        amp="off",
    )


def toy_language(seed: int = 0) -> LanguageStart:
    """A random BERT of two layers of width 24, with a tokenizer of `WORDS`."""
    from tests.tiny_bert import bert_weights, word_tokenizer

    return LanguageStart(
        weights=bert_weights(len(WORDS), seed),
        tokenizer=word_tokenizer(WORDS),
        layers=2,
        heads=2,
        pad_id=0,
        mask_id=4,
        special=(0, 1, 2, 3, 4),
    )


def toy_examples(views: int = 2, seed: int = 0) -> Examples:
    """Pictures of two colours each; some captions read alike.

    The dual embedding is a noisy map of the mean cell, and that of a caption of its words.
    """
    rng = np.random.default_rng(seed)
    looks = rng.normal(0, 1, (len(COLOURS), WIDTH))
    space = rng.normal(0, 1, (WIDTH, DIM)) / WIDTH**0.5
    colours = np.array([rng.choice(len(COLOURS), 2, replace=False) for _ in range(N_PICTURES)])
    cells = [_cells(colours, looks, rng) for _ in range(views)]
    texts = [
        text
        for one, two in colours
        for text in (
            f"a {COLOURS[one]} dog on a {COLOURS[two]} ball",
            f"{COLOURS[one]} {COLOURS[two]}",
        )
    ]
    owner = np.repeat(np.arange(N_PICTURES), 2)
    keys = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    texts_ = _unit(looks[colours].mean(1)[owner] @ space, rng)
    images = tuple(_unit(view.mean(1) @ space, rng) for view in cells)
    return Examples(
        reduction=Reduction(
            ("tap",), 2, 2, np.eye(WIDTH, dtype=np.float32), np.zeros(WIDTH, np.float32)
        ),
        cells=tuple(view.astype(np.float16) for view in cells),
        images=images,
        texts=texts_,
        tokens=toy_language().encode(texts, 10),
        owner=owner,
        key=np.array([keys[text] for text in texts]),
        group=np.arange(N_PICTURES),
        bank=QueryBank(texts_[:40], images[0][:20]),
        train=(Pool(np.arange(N_TRAIN)),),
        val=(ValidationSet("validation", np.arange(N_TRAIN, N_PICTURES)),),
        space_digest="ab" * 32,
        dual="toy",
        fingerprint=f"toy {seed}",
    )


def _cells(
    colours: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    looks: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    rng: np.random.Generator,
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Cells `(n, r, k')`: each picture's two colours twice, in any order, with noise."""
    order = np.stack([rng.permutation(N_CELLS) for _ in range(len(colours))])
    chosen = np.take_along_axis(np.repeat(colours, N_CELLS // 2, axis=1), order, axis=1)
    return looks[chosen] + rng.normal(0, 0.3, (*chosen.shape, WIDTH))


def _unit(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], rng: np.random.Generator
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    noisy = values + rng.normal(0, 0.05, values.shape)
    unit: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = (
        noisy / np.linalg.norm(noisy, axis=1, keepdims=True)
    ).astype(np.float32)
    return unit


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    """Normal random numbers, equal for equal `seed`."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
