"""Whether there is a GPU, told without torch; and what is made on it, where torch can."""

from __future__ import annotations

import ctypes
import logging
import sys
from collections.abc import Callable
from typing import TypeVar

from mmsearch.errors import ModelError

Made = TypeVar("Made")

logger = logging.getLogger(__name__)


_OUT_OF_MEMORY = 2
"""The driver's number for it."""


def may_have_cuda() -> bool:
    """Whether an NVIDIA driver sees a device, asked of the driver itself: torch takes seconds."""
    try:
        driver = _driver()
        count = ctypes.c_int()
        if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
            return False
    except (OSError, AttributeError):
        return False
    return count.value > 0


def free_cuda_bytes() -> int | None:
    """What is free of the first GPU's memory, asked of the driver; None where it does not tell.

    Whoever computes there needs the context that is made for the asking, so it is kept.
    """
    device, context = ctypes.c_int(), ctypes.c_void_p()
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    try:
        driver = _driver()
        if driver.cuInit(0) or driver.cuDeviceGet(ctypes.byref(device), 0):
            return None
        failure = driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), device)
        if failure:
            return 0 if failure == _OUT_OF_MEMORY else None
        if driver.cuCtxPushCurrent_v2(context):
            return None
        failure = driver.cuMemGetInfo_v2(ctypes.byref(free), ctypes.byref(total))
        driver.cuCtxPopCurrent_v2(ctypes.byref(context))
    except (OSError, AttributeError):
        return None
    return None if failure else free.value


def _driver() -> ctypes.CDLL:
    """NVIDIA's driver.

    Raises:
        OSError: There is none.
    """
    return ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")


def made_on_cuda(make: Callable[[], Made], *, required: bool) -> Made | None:
    """What `make` gives, once torch was seen to work on the GPU; else None, and one line says why.

    Raises:
        ModelError: It cannot be made there, and is `required` to be.
    """
    try:
        _check_cuda()
        return make()
    except (ModelError, RuntimeError) as exc:  # torch raises the latter for all that a GPU lacks
        trouble = (str(exc).strip().splitlines() or [type(exc).__name__])[0][:300]
        if required:
            raise ModelError(f"device 'cuda': {trouble}; take device 'cpu' or 'auto'") from exc
    logger.warning("the GPU is not used, the CPU is: %s", trouble)
    return None


def _check_cuda() -> None:
    """Pass when torch computes on the GPU.

    Raises:
        ModelError: It finds none.
        RuntimeError: Driver, architecture or memory do not do.
    """
    import torch

    if not torch.cuda.is_available():
        raise ModelError("torch finds no usable GPU here")
    torch.ones(1, device="cuda").add_(1).item()  # a driver too old shows at the first kernel


def torch_gpu() -> str | None:
    """The name of the GPU that torch uses, None where it uses none; importing it takes seconds."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None
