"""Every runtime against the plain torch network."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from mmsearch.protocols import CrossEncoder
from mmsearch.rerank import (
    CrossEncoderOptions,
    RerankerSource,
    load_cross_encoder,
    load_plain_cross_encoder,
)
from mmsearch.rerank.batching import PassSize
from mmsearch.rerank.model_directory import load_network
from mmsearch.rerank.scoring import RunSizes, TowerCrossEncoder
from mmsearch.rerank.source import read_config
from mmsearch.rerank.tokenize import FileTokenizer
from mmsearch.rerank.torch_runtime import TorchTowers
from mmsearch.types import Scores
from tests.tiny_reranker import random_codes

TEXTS = [
    "a dog",
    "two red cats on the beach",
    "",
    "the dog runs on a beach , a blue ball sits on the green dog , zebra",
    "blue",
    "the cat sits",
]
N_PICTURES = 9
Precision = Literal["fp32", "bf16"]


def all_pairs() -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Every text with every picture, shuffled."""
    grid = np.indices((len(TEXTS), N_PICTURES)).reshape(2, -1).T.astype(np.int64)
    return np.random.default_rng(0).permutation(grid)


def scores(encoder: CrossEncoder) -> Scores:
    return encoder.score(TEXTS, random_codes(N_PICTURES), all_pairs())


def rank_agreement(found: Scores, expected: Scores) -> float:
    """The rank correlation of two scorings (Spearman)."""
    ranks = [np.argsort(np.argsort(values)) for values in (found, expected)]
    return float(np.corrcoef(*ranks)[0, 1])


def compare(found: Scores, expected: Scores, precision: Precision) -> None:
    """Tightly in fp32; in bf16 by the order, and by values within a hundredth of their spread."""
    spread = expected.max() - expected.min()
    assert spread > 1  # else any numbers would agree
    if precision == "fp32":
        np.testing.assert_allclose(found, expected, atol=2e-3 * spread)
    else:
        np.testing.assert_allclose(found, expected, atol=0.05 * spread)
    assert rank_agreement(found, expected) > (0.999 if precision == "fp32" else 0.99)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(("kind", "parallel"), [("lxmert", None), ("lxmert", 1), ("vilbert", None)])
def test_openvino_agrees_with_torch(
    kind: str,
    parallel: int | None,
    precision: Precision,
    cache: Path,
    request: pytest.FixtureRequest,
) -> None:
    """The CPU runtime gives torch's logits for both arrangements, however many passes at once."""
    source: RerankerSource = request.getfixturevalue(kind)
    options = CrossEncoderOptions(cache, "cpu", precision, parallel=parallel)
    found = scores(load_cross_encoder(source, options))
    compare(found, scores(load_plain_cross_encoder(source)), precision)


@pytest.mark.parametrize("kind", ["lxmert", "vilbert"])
def test_plain_reference_is_the_network_pair_by_pair(
    kind: str, request: pytest.FixtureRequest
) -> None:
    """Batches, runs and padding change nothing."""
    source: RerankerSource = request.getfixturevalue(kind)
    network, tokenizer = load_network(source), FileTokenizer(source, read_config(source))
    codes = torch.from_numpy(random_codes(N_PICTURES)).float()
    expected = []
    with torch.no_grad():
        for text, picture in all_pairs():
            tokens = torch.tensor(tokenizer.encode([TEXTS[text]]))
            states = network.read_text(tokens), network.text_mask(tokens)
            regions = network.read_regions(codes[picture : picture + 1])
            expected.append(network.match(*states, regions).item())
    found = scores(load_plain_cross_encoder(source))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_torch_half_precision_agrees(lxmert: RerankerSource) -> None:
    """The half-precision path of the GPU runtime, tried on the CPU."""
    config = read_config(lxmert)
    half = TowerCrossEncoder(
        lxmert,
        config,
        FileTokenizer(lxmert, config),
        TorchTowers(load_network(lxmert), "bf16"),
        RunSizes(texts=4, pictures=PassSize(4), pairs=PassSize(7)),
    )
    compare(scores(half), scores(load_plain_cross_encoder(lxmert)), "bf16")


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["auto", "fp32", "bf16"])
def test_cuda_agrees_with_torch(
    precision: Literal["auto", "fp32", "bf16"], lxmert: RerankerSource, cache: Path
) -> None:
    """The GPU runtime gives the logits of plain torch on the CPU."""
    if not torch.cuda.is_available():
        pytest.skip("torch finds no CUDA device on this machine")
    found = scores(load_cross_encoder(lxmert, CrossEncoderOptions(cache, "cuda", precision)))
    plain = scores(load_plain_cross_encoder(lxmert))
    compare(found, plain, "fp32" if precision == "fp32" else "bf16")
