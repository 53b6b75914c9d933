"""A tower cut at its first learning block is the same tower."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmsearch.training import groups
from mmsearch.training.network import Network
from mmsearch.training.prefix import split_tower


def _inputs(network: Network) -> torch.Tensor:
    pictures = np.random.default_rng(1).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    return network.inputs(pictures)


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_halves_make_the_whole(network: Network, keep: int) -> None:
    """Embeddings and gradients are those of the whole tower, in the same parameters."""
    network.set_mode(False, False, False)
    image, inputs = groups.find_towers(network.model).image, _inputs(network)
    groups.lock(image, keep)
    split = split_tower(network, image, inputs)
    assert split is not None
    whole = network.embed_images(inputs)
    ended = split.end(split.begin(inputs))
    torch.testing.assert_close(ended, whole, atol=1e-5, rtol=0)
    trained = [parameter for group in image for _, parameter in group if parameter.requires_grad]
    target = torch.randn(whole.shape, generator=torch.Generator().manual_seed(0))
    expected = torch.autograd.grad(whole, trained, target)
    for ours, theirs in zip(torch.autograd.grad(ended, trained, target), expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("keep", [None, 0])
def test_nothing_to_cut(network: Network, keep: int | None) -> None:
    """A tower that learns as a whole, or not at all, is not cut."""
    image = groups.find_towers(network.model).image
    groups.lock(image, keep)
    assert split_tower(network, image, _inputs(network)) is None


def test_other_architectures_are_left_whole(network: Network) -> None:
    """Where the forward pass does more than run its children in turn, the cut is found wrong."""

    class Doubling(torch.nn.Module):
        def __init__(self, inner: torch.nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            return self.inner(pictures) + pictures.mean((1, 2, 3))[:, None]

    network.set_mode(False, False, False)
    image, inputs = groups.find_towers(network.model).image, _inputs(network)
    groups.lock(image, 2)
    network.model.visual = Doubling(network.model.visual)
    renamed = [[(name.replace("visual.", "visual.inner."), p) for name, p in g] for g in image]
    assert split_tower(network, renamed, 40 * inputs) is None
