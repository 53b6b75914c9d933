"""The parts of mini's recipe that can be checked without its data."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from PIL import Image
from timm.layers.conv2d_same import conv2d_same

from mmsearch.models.recipe.config import JointConfig
from mmsearch.models.recipe.depthwise import FixedDepthwise
from mmsearch.models.recipe.drawing import windows
from mmsearch.models.recipe.losses import own_targets, softened, steadiness
from mmsearch.models.recipe.overlays import with_writing
from mmsearch.models.recipe.parallel import Threads
from mmsearch.models.recipe.pictures import Picture
from mmsearch.models.recipe.sampling import Batch, gather_captions


@pytest.mark.parametrize(
    ("kernel", "stride", "size"), [(5, 2, 18), (5, 2, 17), (5, 2, 14), (3, 1, 9), (5, 1, 8)]
)
def test_depthwise_equals_the_plain_convolution_both_ways(
    kernel: int, stride: int, size: int
) -> None:
    """Values and gradients are those of timm's padding and PyTorch's own backward pass."""
    x = torch.randn(2, 7, size, size, dtype=torch.double, requires_grad=True)
    kernels = torch.randn(7, 1, kernel, kernel, dtype=torch.double)
    bias = torch.randn(7, dtype=torch.double, requires_grad=True)
    ours = FixedDepthwise.apply(x, kernels, bias, stride)
    plain = conv2d_same(x, kernels, bias, (stride, stride), (0, 0), (1, 1), 7)
    torch.testing.assert_close(ours, plain)
    grad = torch.randn_like(plain)
    torch.testing.assert_close(
        torch.autograd.grad(ours, (x, bias), grad), torch.autograd.grad(plain, (x, bias), grad)
    )


def test_writing_changes_a_part_of_the_picture_and_not_its_original() -> None:
    """What is written differs from run to run of the generator, and is the same for one seed."""
    image = Image.new("RGB", (96, 64), (90, 120, 60))
    first, again, other = (with_writing(image, random.Random(seed)) for seed in (1, 1, 2))
    assert first.size == image.size
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()
    touched = (np.asarray(first) != np.asarray(image)).any(-1).mean()
    assert 0 < touched < 0.9
    assert image.getcolors() == [(96 * 64, (90, 120, 60))]


def test_windows_are_parts_of_the_grid() -> None:
    """Each window is a contiguous square of its own grid."""
    grids = torch.arange(2 * 4 * 4).float().reshape(2, 4, 4, 1)
    parts = windows(grids, 3, np.random.default_rng(0))
    assert parts.shape == (2, 3, 3, 1)
    for grid, part in zip(grids, parts, strict=True):
        whole = grid.unfold(0, 3, 1).unfold(1, 3, 1).reshape(-1, 3, 3)
        assert any(torch.equal(part[..., 0], w) for w in whole)
    assert windows(grids, 4, np.random.default_rng(0)) is grids


def _batch() -> tuple[Batch, torch.Tensor]:
    batch = Batch(np.array([0, 1, 2]), np.array([0, 1, 2, 3]), np.array([0, 0, 1, 2]))
    frozen = torch.tensor([[1.0, 0, 0], [0.9, 0.1, 0], [0.8, 0.2, 0], [0, 0, 1]])
    return batch, frozen


def test_softened_targets_lean_to_what_reads_alike() -> None:
    """Rows sum to 1, the own item weighs most, and a near caption weighs more than a far one."""
    pictures = [
        Picture(path=None, source="x", split="train", captions=texts)  # type: ignore[arg-type]  # not read
        for texts in (("a dog", "a hound"), ("a puppy",), ("a car",))
    ]
    batch, frozen = _batch()
    captions = gather_captions(pictures)
    hard = own_targets(batch, captions)
    soft = softened(hard, batch, frozen, JointConfig(likeness=0.3, likeness_temperature=0.5))
    for rows in (soft.to_text, soft.to_image):
        torch.testing.assert_close(rows.sum(1), torch.ones(len(rows)))
    assert torch.equal(soft.to_image.argmax(1), torch.tensor([0, 0, 1, 2]))
    assert soft.to_image[0, 1] > soft.to_image[0, 2]
    assert hard.to_image[0, 1] == 0


def test_steadiness_is_nothing_for_equal_views() -> None:
    """The cosine distance of a view to itself is 0, to its opposite 2."""
    one = torch.nn.functional.normalize(torch.randn(5, 8), dim=-1)
    assert float(steadiness(one, one)) == pytest.approx(0, abs=1e-6)
    assert float(steadiness(one, -one)) == pytest.approx(2, abs=1e-6)


def test_a_pass_in_parts_gives_the_gradients_of_a_whole_one() -> None:
    """Outputs keep their order and parameters get the sum of the parts' gradients."""
    layer = torch.nn.Linear(6, 4).double()
    rows = torch.randn(10, 6, dtype=torch.double)
    weights = torch.randn(10, 4, dtype=torch.double)
    (layer(rows) * weights).square().sum().backward()
    assert layer.weight.grad is not None
    whole = layer.weight.grad.clone()
    layer.zero_grad()
    before = torch.get_num_threads()
    try:
        split = Threads(2).forward(layer, rows.split(3))
        torch.testing.assert_close(split.joined(), layer(rows).detach())
        (split.joined() * weights).square().sum().backward()
        for part in split.backward():
            part.result()
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(layer.weight.grad, whole)
