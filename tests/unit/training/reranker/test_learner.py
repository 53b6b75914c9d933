"""A step on several threads is the step of one; what is hidden stays hidden."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mmsearch.training.reranker import ObjectiveWeights, RerankerTrainConfig
from mmsearch.training.reranker.config import Drawing
from mmsearch.training.reranker.device import Compute, computing
from mmsearch.training.reranker.learner import Learner, Objectives, Source
from mmsearch.training.reranker.model import RerankerModel
from mmsearch.training.reranker.sampling import Sampler
from mmsearch.training.reranker.states import keep_states, padded
from mmsearch.training.reranker.twins import twin_tokens
from tests.unit.training.reranker.test_start import toy_model
from tests.unit.training.reranker.toy import toy_config, toy_examples, toy_language

EXAMPLES = toy_examples()


def _learner(
    folder: Path, compute: Compute, config: RerankerTrainConfig
) -> tuple[Learner, RerankerModel]:
    model = toy_model(10)
    states = keep_states(model, EXAMPLES.tokens, folder, compute)
    language = toy_language()
    source = Source(EXAMPLES, states, language, twin_tokens(language, EXAMPLES.tokens, 10))
    objectives = Objectives(config, model, source, compute)
    sampler = Sampler(EXAMPLES, EXAMPLES.train, config.drawing)
    learner = Learner(config, model, objectives, sampler, compute)
    learner.set_rate(1.0)
    return learner, model


@pytest.mark.parametrize("arrangement", ["lxmert", "vilbert"])
def test_threads_change_nothing(tmp_path: Path, arrangement: str) -> None:
    """Gradients of micro-batches on two threads equal those of one after the other, bit for bit."""
    network = replace(toy_config().network, arrangement=arrangement)
    config = replace(toy_config(), network=network)
    found = []
    for parallel in (True, False):
        with computing("cpu", "off", parallel=parallel) as compute:
            learner, model = _learner(tmp_path, compute, config)
            losses = learner.step(0, 2)
            learner.step(1, 2)
        found.append((losses, {name: p.detach() for name, p in model.named_parameters()}))
    assert found[0][0] == found[1][0]
    assert all(torch.equal(found[0][1][name], found[1][1][name]) for name in found[0][1])


def test_a_step_is_the_mean_of_its_micro_batches(tmp_path: Path) -> None:
    """The plain way, in one graph, gives the same gradients."""
    config = toy_config()
    with computing("cpu", "off", parallel=True) as compute:
        learner, model = _learner(tmp_path, compute, config)
        model.train()
        learner.backward(3, 2)
        found = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
        parts = [learner.loss((3, part), 2)[0] for part in range(2)]
        model.zero_grad(set_to_none=True)
        torch.autograd.backward(torch.stack(parts).mean())
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(found[name], parameter.grad, atol=1e-5, rtol=1e-4)
    assert len(found) > 30


def test_steps_lower_every_loss(tmp_path: Path) -> None:
    config = replace(toy_config(), lr=3e-3)
    with computing("cpu", "off", parallel=False) as compute:
        learner, _ = _learner(tmp_path, compute, config)
        losses = [learner.step(step, 2) for step in range(60)]
    first = dict(type(losses[0]).mean(losses[:8]).named())
    last = dict(type(losses[0]).mean(losses[-8:]).named())
    assert set(first) == {"align", "match", "binary", "twins", "words", "regions"}
    assert all(last[name] < first[name] for name in first), (first, last)


def test_objectives_can_be_left_out(tmp_path: Path) -> None:
    """What has weight 0 is neither computed nor learned."""
    weights = ObjectiveWeights(align=1.0, match=0.0, binary=0.0, twins=0.0, words=0.0, regions=0.5)
    config = replace(toy_config(), objectives=weights)
    with computing("cpu", "off", parallel=False) as compute:
        learner, model = _learner(tmp_path, compute, config)
        before = {name: p.detach().clone() for name, p in model.named_parameters()}
        losses = learner.step(0, 1)
    assert [name for name, _ in losses.named()] == ["align", "regions"]
    after = dict(model.named_parameters())
    assert torch.equal(before["network.matched.bias"], after["network.matched.bias"].detach())
    assert not torch.equal(before["heads.regions.weight"], after["heads.regions.weight"].detach())


def test_nothing_is_dropped_in_evaluation(tmp_path: Path) -> None:
    """The contrast of a batch is then a function of the batch alone; in training it is not."""
    weights = ObjectiveWeights(align=1.0, match=0.0, binary=0.0, twins=0.0, words=0.0, regions=0.0)
    config = replace(
        toy_config(), objectives=weights, drawing=Drawing(region_dropout=0.5, word_dropout=0.5)
    )
    with computing("cpu", "off", parallel=False) as compute:
        learner, model = _learner(tmp_path, compute, config)
        for training in (False, True):
            model.train(training)
            one, other = (
                learner.objectives.of(learner.sampler.draw((0, 0, 0), 1), _generator(seed))[1]
                for seed in (1, 2)
            )
            assert (one == other) == (not training)


def test_states_are_kept_and_used_again(tmp_path: Path) -> None:
    """States of the frozen layers equal a fresh pass to half precision; a file serves twice."""
    model = toy_model(10)
    with computing("cpu", "off", parallel=False) as compute:
        states = keep_states(model, EXAMPLES.tokens, tmp_path, compute)
        (file,) = tmp_path.glob("states-*.npy")
        written = file.stat().st_mtime_ns
        keep_states(model, EXAMPLES.tokens, tmp_path, compute)
    assert file.stat().st_mtime_ns == written
    captions = np.array([3, 0, 7])
    found, mask = states.take(captions)
    tokens = padded([EXAMPLES.tokens[caption] for caption in captions], 0)
    assert torch.equal(mask, (tokens != 0).float())
    with torch.no_grad():
        expected = model.lower(tokens) * mask[:, :, None]
    torch.testing.assert_close(found, expected, atol=5e-3, rtol=5e-3)


def test_torchs_settings_come_back() -> None:
    """Threads and attention kernels are as before."""
    before = (torch.get_num_threads(), torch.backends.cuda.flash_sdp_enabled())
    with computing("cpu", "off", parallel=True):
        assert torch.get_num_threads() == 1
        assert not torch.backends.cuda.flash_sdp_enabled()
    assert (torch.get_num_threads(), torch.backends.cuda.flash_sdp_enabled()) == before


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
