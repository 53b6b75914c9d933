"""Gradient caching gives the big batch's gradient; locked parts and frozen statistics stay."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from mmsearch.training import groups
from mmsearch.training.chunks import ChunkedForward
from mmsearch.training.network import Network
from mmsearch.training.step import Batch, Learner, StepSettings
from mmsearch.training.world import World

TEXTS = [f"a {colour} {thing}" for colour in ("red", "blue", "white") for thing in ("dog", "car")]


def _batch(network: Network) -> Batch:
    pictures = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
    number = torch.arange(6)
    return Batch(network.inputs(pictures), network.tokens(TEXTS), number, number, number)


def _learner(network: Network) -> Learner:
    parameters = [{"params": list(network.model.parameters()), "peak_lr": 0.1}]
    return Learner(network, torch.optim.SGD(parameters, lr=0.1), World())


def _gradients(network: Network) -> Iterator[tuple[str, torch.Tensor]]:
    for name, parameter in network.model.named_parameters():
        if parameter.grad is not None:
            yield name, parameter.grad.clone()


@pytest.mark.parametrize("chunk", [1, 2, 4, 6])
def test_chunks_give_the_big_batchs_gradient(network: Network, chunk: int) -> None:
    """Loss and every gradient agree within 1e-5 with one pass over the whole batch."""
    network.set_mode(True, False, False)
    learner, batch = _learner(network), _batch(network)
    whole_loss = learner.backward(batch, StepSettings(0, 0, 1))
    whole = dict(_gradients(network))
    network.model.zero_grad()
    loss = learner.backward(batch, StepSettings(chunk, chunk, 1))
    chunked = dict(_gradients(network))
    assert loss == pytest.approx(whole_loss, abs=1e-6)
    assert whole.keys() == chunked.keys()
    assert "logit_scale" in whole
    for name, gradient in whole.items():
        torch.testing.assert_close(chunked[name], gradient, atol=1e-5, rtol=1e-5, msg=name)


def test_dropout_drops_the_same_units_in_both_passes() -> None:
    """With dropout, the cached gradient is that of the embeddings it was computed from."""
    torch.manual_seed(0)
    tower = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 3))
    inputs, gradient = torch.randn(6, 5), torch.randn(6, 3)
    side = ChunkedForward(tower, inputs, 2, seed=3)
    embeddings = side.embeddings()
    side.backward(gradient)
    cached = [parameter.grad for parameter in tower.parameters()]
    parts = []
    for place in range(3):
        torch.manual_seed(3 + place)
        parts.append(tower(inputs[2 * place : 2 * place + 2]))
    plain = torch.autograd.grad(torch.cat(parts), list(tower.parameters()), gradient)
    torch.testing.assert_close(embeddings, torch.cat(parts).detach())
    for ours, theirs in zip(cached, plain, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_step_leaves_the_callers_random_numbers_alone(network: Network) -> None:
    """A step draws from its own seed only."""
    network.set_mode(True, True, False)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    _learner(network).step(_batch(network), StepSettings(2, 2, 1))
    assert torch.equal(torch.rand(3), expected)


def test_frozen_statistics_and_locked_tower_stay(network: Network) -> None:
    """Training changes neither batch statistics nor what is locked, but the rest."""
    towers = groups.find_towers(network.model)
    groups.lock(towers.image, 1)
    network.set_mode(True, True, False)
    before = {name: value.clone() for name, value in network.model.state_dict().items()}
    learner = _learner(network)
    learner.step(_batch(network), StepSettings(3, 3, 1))
    after = network.model.state_dict()
    changed = {name for name, value in after.items() if not torch.equal(before[name], value)}
    locked = {name for group in towers.image[:-1] for name, _ in group}
    assert not changed & locked
    assert not {name for name in changed if "running_" in name}
    assert any(name.startswith("visual.head") for name in changed)
    assert any(name.startswith("text.transformer.encoder.layer.0") for name in changed)


def test_trained_statistics_move(network: Network) -> None:
    """From a random start, batch statistics are learned."""
    network.set_mode(True, True, True)
    names = [name for name in network.model.state_dict() if name.endswith("running_mean")]
    before = {name: network.model.state_dict()[name].clone() for name in names}
    _learner(network).step(_batch(network), StepSettings(0, 0, 1))
    after = network.model.state_dict()
    assert all(not torch.equal(before[name], after[name]) for name in names)


def test_scale_stays_clamped_after_a_step(network: Network) -> None:
    """However large the step, the temperature's inverse ends within [1, 100]."""
    learner, batch = _learner(network), _batch(network)
    learner.optimizer.param_groups[0]["lr"] = 1e4
    learner.step(batch, StepSettings(0, 0, 1))
    assert 1.0 <= float(network.logit_scale.detach().exp()) <= 100.01


def test_short_texts_are_cut_without_effect(network: Network) -> None:
    """Padding that the text tower masks is not computed."""
    network.set_mode(False, False, False)
    tokens = network.tokens(TEXTS)
    full = network.loaded.tokenizer(TEXTS)
    assert tokens.shape[1] < full.shape[1]
    with torch.no_grad():
        torch.testing.assert_close(
            network.embed_texts(tokens), network.embed_texts(full), atol=1e-5, rtol=0
        )
