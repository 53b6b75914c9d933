"""What this machine's processor can do, as the libraries see it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmsearch.runtime.quiet import import_openvino

_CPU_INFO = Path("/proc/cpuinfo")
_FLAGS = {"avx2": "AVX2", "avx512f": "AVX-512", "amx_tile": "AMX"}
_NUMPY_NAMES = {"AVX2": "AVX2", "AVX512F": "AVX-512", "X86_V3": "AVX2", "X86_V4": "AVX-512"}


@dataclass(frozen=True, slots=True)
class Processor:
    """Its name, the vector instructions it has, and whether OpenVINO computes in bf16 on it."""

    name: str
    features: tuple[str, ...]
    bf16: bool


def processor() -> Processor:
    """The processor of this machine.

    Raises:
        ImportError, RuntimeError: OpenVINO does not work here.
    """
    core = import_openvino().Core()
    name = str(core.get_property("CPU", "FULL_DEVICE_NAME"))
    capabilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return Processor(name, _features(), "BF16" in capabilities)


def _features() -> tuple[str, ...]:
    """Of AVX2, AVX-512 and AMX those that there are; AMX is seen on Linux only."""
    try:
        flags = set(_CPU_INFO.read_text("utf-8").split())
        return tuple(name for flag, name in _FLAGS.items() if flag in flags)
    except (OSError, UnicodeDecodeError):
        extensions = np.show_config(mode="dicts")["SIMD Extensions"]
        found = {*extensions.get("baseline", ()), *extensions.get("found", ())}
        return tuple(dict.fromkeys(name for key, name in _NUMPY_NAMES.items() if key in found))
