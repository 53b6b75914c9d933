"""Before the first step the alignment finds pictures already."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mmsearch.training.reranker import objectives
from mmsearch.training.reranker.examples import Examples
from mmsearch.training.reranker.model import RerankerModel
from mmsearch.training.reranker.reduction import fit_reduction
from mmsearch.training.reranker.start import start_model
from mmsearch.training.reranker.states import padded
from tests.unit.training.reranker.toy import toy_config, toy_examples, toy_language

EXAMPLES = toy_examples()


def toy_model(dual_channels: int, examples: Examples = EXAMPLES) -> RerankerModel:
    """A model as training starts from."""
    language, config = toy_language(), toy_config()
    torch.manual_seed(0)
    network = language.network_config(config.network)
    model = RerankerModel(examples.reduction, network, config.frozen_layers)
    start_model(model, examples, language, dual_channels, 0)
    model.freeze()
    return model.eval()


def _mean_rank(model: RerankerModel) -> float:
    """Of each caption's picture among all, by alignment; chance is 29.5."""
    tokens = padded(EXAMPLES.tokens, 0)
    with torch.no_grad():
        cells = torch.from_numpy(EXAMPLES.cells[0].astype(np.float32))
        regions = model.network.read_regions(model.projection(cells))
        words, cells = model.network.aligned(model.network.read_text(tokens), regions)
        scores = objectives.alignment_scores(words, model.network.text_mask(tokens), cells)
    own = scores.gather(1, torch.from_numpy(EXAMPLES.owner)[:, None])
    return float((scores > own).sum(1).float().mean())


def test_alignment_is_better_than_chance_at_once() -> None:
    assert _mean_rank(toy_model(10)) < 20
    assert _mean_rank(toy_model(0)) > 24


def test_codes_use_their_range() -> None:
    """Every channel varies, few values are cut off, and evaluation gives whole numbers."""
    model = toy_model(10)
    cells = torch.from_numpy(EXAMPLES.cells[0].astype(np.float32))
    with torch.no_grad():
        codes = model.projection(cells)
    assert torch.equal(codes, codes.round())
    assert codes.abs().max() <= 127
    assert float((codes.abs() == 127).float().mean()) < 0.05
    assert codes.flatten(0, 1).std(0).min() > 2
    assert not torch.equal(model.train().projection(cells).detach(), codes)


def test_projection_composes_with_the_reduction() -> None:
    """One matrix from taps to codes gives what the two steps give."""
    rng = np.random.default_rng(0)
    reduction = replace(
        EXAMPLES.reduction,
        weight=rng.normal(0, 1, (16, 30)).astype(np.float32),
        bias=rng.normal(0, 1, 16).astype(np.float32),
    )
    weight = rng.normal(0, 9, (14, 16)).astype(np.float32)
    bias = rng.normal(0, 9, 14).astype(np.float32)
    projection = reduction.composed(weight, bias, (2, 2))
    taps = rng.normal(0, 1, (5, 30)).astype(np.float32)
    expected = (taps @ reduction.weight.T + reduction.bias) @ weight.T + bias
    np.testing.assert_allclose(taps @ projection.weight.T + projection.bias, expected, atol=1e-2)
    assert (projection.taps, projection.n_regions, projection.dim) == (("tap",), 4, 14)


def test_the_reduction_weighs_taps_the_same() -> None:
    """A tap of huge numbers does not drown the other; components are uncorrelated."""
    rng = np.random.default_rng(0)
    loud, quiet = 1000 * rng.normal(0, 1, (400, 3)), rng.normal(5, 1, (400, 3))
    cells = np.concatenate([loud, quiet], 1).astype(np.float32)
    weight, bias = fit_reduction(cells, (3, 3), 4)
    reduced = cells @ weight.T + bias
    assert reduced.shape == (400, 4)
    np.testing.assert_allclose(reduced.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(np.cov(reduced.T), np.diag(reduced.var(0)), atol=0.02)
    assert reduced.var(0).mean() == pytest.approx(1, abs=1e-3)
    full, _ = fit_reduction(cells, (3, 3), 99)
    assert full.shape == (6, 6)
    assert np.linalg.norm(weight[:, 3:] * quiet.std()) > 0.3 * np.linalg.norm(weight[:, :3] * 1000)


def test_frozen_layers_have_no_gradient() -> None:
    names = {n for n, p in toy_model(10).named_parameters() if not p.requires_grad}
    assert "network.language.words.weight" in names
    assert any(name.startswith("network.language.layers.0.") for name in names)
    assert all(name.startswith("network.language.") for name in names)
    assert not any(name.startswith("network.language.layers.1.") for name in names)


def test_lower_then_upper_is_the_whole_language_encoder() -> None:
    model = toy_model(10)
    tokens = padded(list(EXAMPLES.tokens[:4]), 0)
    mask = model.network.text_mask(tokens)
    with torch.no_grad():
        whole = model.network.read_text(tokens)
        parts = model.bridge(model.upper(model.lower(tokens), mask))
    torch.testing.assert_close(parts, whole)
