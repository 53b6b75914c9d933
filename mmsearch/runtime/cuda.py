"""Whether there is a GPU, told without torch."""

from __future__ import annotations

import ctypes
import sys


def may_have_cuda() -> bool:
    """Whether an NVIDIA driver sees a device, asked of the driver itself: torch takes seconds."""
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(library)
        count = ctypes.c_int()
        if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
            return False
    except (OSError, AttributeError):
        return False
    return count.value > 0


def torch_gpu() -> str | None:
    """The name of the GPU that torch uses, None where it uses none; importing it takes seconds."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None
