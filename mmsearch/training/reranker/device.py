"""Where a run computes, how exactly, and on how many threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from mmsearch.errors import ConfigError
from mmsearch.training.settings import Amp, Device

_THREADS = 2

Part = TypeVar("Part")
Result = TypeVar("Result")


class Compute:
    """The device of a run, and the threads that share its work on a CPU.

    Each thread runs a part from end to end, PyTorch itself held to one thread: splitting every
    operation over the cores makes them wait for one another thousands of times a step. What a
    part gives does not depend on the other threads, so the result is that of one thread.
    """

    def __init__(self, device: torch.device, half: torch.dtype | None, threads: int) -> None:
        self.device = device
        self.half = half
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, "mmsearch-train") if threads > 1 else None

    def precision(self) -> AbstractContextManager[object]:
        """Mixed precision inside, where the run uses it; entered by each thread for itself."""
        # The cache of cast weights is shared by all threads and would mix up their graphs.
        return torch.autocast(
            self.device.type, self.half, enabled=self.half is not None, cache_enabled=False
        )

    def move(self, values: Tensor) -> Tensor:
        """`values` on the device."""
        return values.to(self.device)

    def each(self, run: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
        """What `run` gives for each part, in their order."""
        if self._pool is None:
            return [run(part) for part in parts]
        return list(self._pool.map(run, parts))

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


@contextmanager
def computing(device: Device, amp: Amp, *, parallel: bool) -> Iterator[Compute]:
    """Where to compute; on a CPU, PyTorch's threads and attention kernel are set meanwhile.

    The backward pass of fused attention is about ten times slower on a CPU than that of the plain
    one for sequences as short as captions.

    Raises:
        ConfigError: CUDA was asked for and there is none.
    """
    chosen = chosen_device(device)
    if chosen.type == "cuda":
        yield Compute(chosen, half_type(chosen, amp), 1)
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # in both ways: sums in another order would differ in their last bit
    compute = Compute(chosen, half_type(chosen, amp), _THREADS if parallel else 1)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield compute
    finally:
        compute.close()
        torch.set_num_threads(before)


def chosen_device(device: Device) -> torch.device:
    """The device that is meant; 'auto' is a GPU where there is one.

    Raises:
        ConfigError: CUDA was asked for and there is none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("training: device is 'cuda', but torch finds no CUDA device: use 'cpu'")
    cuda = device != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if cuda else "cpu")


def half_type(device: torch.device, amp: Amp) -> torch.dtype | None:
    """The half precision to compute in on `device`; None = float32.

    Matrix products alone, unlike convolutions, are faster in bfloat16 on a CPU that has it.
    """
    if amp == "off":
        return None
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else None
    has_bfloat16: Callable[[], bool] = torch.cpu._is_avx512_bf16_supported
    return torch.bfloat16 if amp == "on" or has_bfloat16() else None
