"""Depthwise convolution with fixed kernels, whose backward pass is a convolution too.

PyTorch's own CPU backward pass of a 5 x 5 depthwise convolution takes twenty times as long as its
forward pass, most of it for the kernels' gradient. The kernels stay as ImageNet left them: the
pointwise convolutions around them hold 99 % of the weights.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


class FixedDepthwise(torch.autograd.Function):
    """Depthwise convolution and bias with TensorFlow's "same" padding; kernels get no gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, kernels: Tensor, bias: Tensor, stride: int) -> Tensor:
        """(b, c, h / stride, w / stride), rounded up, of x (b, c, h, w), kernels (c, 1, k, k)."""
        ctx.save_for_backward(kernels)
        ctx.stride, ctx.size = stride, x.shape[2:]
        if stride == 1:
            return _convolved(x, kernels, bias)
        (top, bottom), (left, right) = (_padding(n, kernels.shape[-1], stride) for n in ctx.size)
        x = functional.pad(x, (left, right, top, bottom))
        return functional.conv2d(x, kernels, bias, stride, 0, 1, x.shape[1])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, Tensor, None]:
        """The gradient of `x`, the same convolution with turned kernels, and that of `bias`."""
        (kernels,) = ctx.saved_tensors
        grad = grads[0].contiguous(memory_format=torch.channels_last)
        b, c = grad.shape[:2]
        rows = grad.permute(0, 2, 3, 1).reshape(-1, c)
        # As a matrix product: PyTorch's sum over all but the channels is slow in bfloat16.
        bias_grad = (rows.new_ones(1, len(rows)) @ rows)[0]
        if ctx.stride > 1:
            spread = grad.new_zeros((b, *ctx.size, c)).permute(0, 3, 1, 2)
            # Output i is output `stride * i + first` of the convolution without a stride.
            half = kernels.shape[-1] // 2
            y, x = (half - _padding(n, kernels.shape[-1], ctx.stride)[0] for n in ctx.size)
            spread[:, :, y :: ctx.stride, x :: ctx.stride] = grad
            grad = spread
        return _convolved(grad, kernels.flip(2, 3), None), None, bias_grad, None


def _convolved(x: Tensor, kernels: Tensor, bias: Tensor | None) -> Tensor:
    return functional.conv2d(x, kernels, bias, 1, kernels.shape[-1] // 2, 1, x.shape[1])


def _padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Rows of zeros before and after, as TensorFlow pads."""
    total = max(0, (-(-size // stride) - 1) * stride + kernel - size)
    return total // 2, total - total // 2
