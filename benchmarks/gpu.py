"""The GPU that a benchmark runs on: which it is, what it can do at most, how busy it is."""

from __future__ import annotations

import importlib
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch

_QUERY = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
_SAMPLE_S = 0.05


def require_gpu(device: str) -> None:
    """Pass where the device can be measured.

    Raises:
        SystemExit: It is CUDA, and torch finds none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("skipped: torch finds no CUDA device")


def card(device: str) -> dict[str, object]:
    """Its name, memory, driver and CUDA as a result keeps them; nothing for the CPU."""
    if device != "cuda":
        return {}
    driver = subprocess.run(_QUERY, capture_output=True, text=True, check=False).stdout.strip()
    return {
        "gpu": torch.cuda.get_device_name(),
        "gpu_memory_gb": torch.cuda.get_device_properties(0).total_memory / 1e9,
        "driver": driver or "unknown",
        "cuda": str(torch.version.cuda),
    }


def wait(device: str) -> None:
    """Return once the device has done all its work."""
    if device == "cuda":
        torch.cuda.synchronize()


def gpu_memory_gb() -> float:
    """What all programs hold of the GPU's memory, less what torch only keeps for later."""
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info()
    return (total - free) / 1e9


def matmul_tflops(device: str, side: int = 8192, runs: int = 20) -> float:
    """The rate of half-precision matrix products here, 1e12 operations a second."""
    left, right = (torch.randn(side, side, device=device, dtype=torch.float16) for _ in range(2))
    for _ in range(3):
        left @ right
    wait(device)
    started = time.perf_counter()
    for _ in range(runs):
        left @ right
    wait(device)
    return 2 * side**3 * runs / (time.perf_counter() - started) / 1e12


def copy_gb_s(device: str, n_bytes: int = 1 << 32, runs: int = 10) -> float:
    """How many GB a second the device's memory moves, those read plus those written."""
    source = torch.ones(n_bytes, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    wait(device)
    started = time.perf_counter()
    for _ in range(runs):
        target.copy_(source)
    wait(device)
    return 2 * n_bytes * runs / (time.perf_counter() - started) / 1e9


@dataclass(slots=True)
class Busy:
    """Samples of how busy the GPU was, percent; none where its driver's library is missing."""

    samples: list[int] = field(default_factory=list)

    @property
    def mean(self) -> float | None:
        """Of those from the first to the last in which it worked at all."""
        at_work = [number for number, sample in enumerate(self.samples) if sample]
        if not at_work:
            return None
        span = self.samples[at_work[0] : at_work[-1] + 1]
        return sum(span) / len(span)


@contextmanager
def watched_gpu() -> Iterator[Busy]:
    """How busy the first GPU is inside, by NVIDIA's management library."""
    busy, done = Busy(), threading.Event()
    try:
        nvml = importlib.import_module("pynvml")
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByIndex(0)
    except Exception:  # noqa: BLE001 - no library or no driver: nothing is told
        yield busy
        return

    def sample() -> None:
        while not done.wait(_SAMPLE_S):
            busy.samples.append(int(nvml.nvmlDeviceGetUtilizationRates(handle).gpu))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield busy
    finally:
        done.set()
        thread.join()
