"""The network's layers, against the formulas they stand for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from mmsearch.rerank.config import Arrangement
from mmsearch.rerank.layers import Attention, AttentionBlock, FeedForward, attention_bias
from mmsearch.rerank.regions import grid_boxes
from tests.tiny_reranker import TinyReranker, random_codes, tiny_config, tiny_network

ARRANGEMENTS: tuple[Arrangement, ...] = ("lxmert", "vilbert")
WIDTH, HEADS = 12, 3

Array = NDArray[np.float64]


def plain(layer: nn.Linear, x: Array) -> Array:
    """`x W^T + b`."""
    weight, bias = (value.detach().numpy().astype(np.float64) for value in layer.parameters())
    return np.asarray(x @ weight.T + bias)


def plain_attention(layer: Attention, x: Array, context: Array, mask: NDArray[np.int64]) -> Array:
    """softmax(Q K^T / sqrt(d)) V a head, over the keys that `mask` `(n, m)` shows."""
    q, k, v = plain(layer.query, x), plain(layer.key, context), plain(layer.value, context)
    d = x.shape[-1] // layer.heads
    mixed = np.zeros_like(q)
    for row in range(len(x)):
        shown = mask[row] == 1
        for head in range(layer.heads):
            part = slice(head * d, (head + 1) * d)
            logits = q[row, :, part] @ k[row][shown][:, part].T / np.sqrt(d)
            weights = np.exp(logits - logits.max(axis=1, keepdims=True))
            weights /= weights.sum(axis=1, keepdims=True)
            mixed[row, :, part] = weights @ v[row][shown][:, part]
    return plain(layer.out, mixed)


def plain_norm(layer: nn.LayerNorm, x: Array) -> Array:
    """Mean 0 and deviation 1 over the last axis, then the layer's gain and offset."""
    gain, offset = (value.detach().numpy() for value in layer.parameters())
    centred = x - x.mean(-1, keepdims=True)
    return np.asarray(centred / np.sqrt(centred.var(-1, keepdims=True)) * gain + offset)


def inputs(seed: int = 0) -> tuple[Array, Array, NDArray[np.int64]]:
    """Queries `(3, 4, h)`, a context `(3, 6, h)` and a mask that hides some of it."""
    rng = np.random.default_rng(seed)
    mask = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0], [1, 0, 1, 0, 1, 0]])
    return rng.normal(size=(3, 4, WIDTH)), rng.normal(size=(3, 6, WIDTH)), mask


def tensor(values: NDArray[np.generic]) -> torch.Tensor:
    return torch.from_numpy(values).float()


def test_attention_is_the_formula() -> None:
    """Each head mixes the values it may see by softmax(QK^T/sqrt(d))."""
    torch.manual_seed(0)
    layer = Attention(WIDTH, HEADS)
    x, context, mask = inputs()
    found = layer(tensor(x), tensor(context), attention_bias(tensor(mask)))
    np.testing.assert_allclose(
        found.detach().numpy(), plain_attention(layer, x, context, mask), atol=1e-5
    )


def test_attention_without_a_mask_sees_everything() -> None:
    torch.manual_seed(1)
    layer = Attention(WIDTH, HEADS)
    x, context, mask = inputs(1)
    found = layer(tensor(x), tensor(context), None).detach().numpy()
    expected = plain_attention(layer, x, context, np.ones_like(mask))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_sublayers_add_then_normalise() -> None:
    """norm(x + sublayer(x)), as in BERT, for both sublayers; GELU between the linear maps."""
    torch.manual_seed(2)
    block, wide = AttentionBlock(WIDTH, HEADS, 0.1).eval(), FeedForward(WIDTH, 0.1).eval()
    x, context, mask = inputs(2)
    seen = x + plain_attention(block.attention, x, context, mask)
    found = block(tensor(x), tensor(context), attention_bias(tensor(mask)))
    np.testing.assert_allclose(found.detach().numpy(), plain_norm(block.norm, seen), atol=1e-5)
    inner = torch.from_numpy(plain(wide.wide, x))
    gelu = (inner * 0.5 * (1 + torch.erf(inner / 2**0.5))).numpy()
    changed = plain_norm(wide.norm, x + plain(wide.narrow, gelu))
    np.testing.assert_allclose(wide(tensor(x)).detach().numpy(), changed, atol=1e-5)


def test_grid_boxes_cover_the_picture_row_by_row() -> None:
    """Left, top, right, bottom of a grid of 2 rows and 4 columns."""
    boxes = grid_boxes(2, 4).numpy()
    assert boxes.shape == (8, 4)
    np.testing.assert_allclose(boxes[0], [-1, -1, -0.5, 0])
    np.testing.assert_allclose(boxes[3], [0.5, -1, 1, 0])
    np.testing.assert_allclose(boxes[4], [-1, 0, -0.5, 1])


def read(arrangement: Arrangement, tokens: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """The logits of each text beside the picture of the same row."""
    network = tiny_network(TinyReranker(arrangement))
    with torch.no_grad():
        text = network.read_text(tokens)
        regions = network.read_regions(codes)
        logits: torch.Tensor = network.match(text, network.text_mask(tokens), regions)
    assert text.shape == (*tokens.shape, network.config.width)
    assert regions.shape == (len(codes), network.config.regions, network.config.width)
    return logits


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_forward_gives_a_logit_a_pair(arrangement: Arrangement) -> None:
    """Finite, and different for different pairs."""
    tokens = torch.tensor([[2, 4, 6, 3], [2, 5, 7, 3], [2, 10, 8, 3]])
    logits = read(arrangement, tokens, torch.from_numpy(random_codes(3)).float())
    assert logits.shape == (3,)
    assert torch.isfinite(logits).all()
    assert logits.std() > 0.01


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_padding_changes_nothing(arrangement: Arrangement) -> None:
    """A text scores alike alone and beside a longer one."""
    codes = torch.from_numpy(random_codes(1)).float()
    alone = read(arrangement, torch.tensor([[2, 4, 6, 3]]), codes)
    full = torch.full((1, tiny_config().max_tokens), 0)
    full[0, :4] = torch.tensor([2, 4, 6, 3])
    np.testing.assert_allclose(read(arrangement, full, codes).numpy(), alone.numpy(), atol=1e-5)


@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_words_and_regions_both_count(arrangement: Arrangement) -> None:
    """Another word or another picture gives another logit."""
    codes = torch.from_numpy(random_codes(2)).float()
    first, second = codes[:1], codes[1:]
    text, other = torch.tensor([[2, 4, 6, 3]]), torch.tensor([[2, 4, 7, 3]])
    base = read(arrangement, text, first)
    assert abs(base - read(arrangement, other, first)).item() > 1e-3
    assert abs(base - read(arrangement, text, second)).item() > 1e-3
