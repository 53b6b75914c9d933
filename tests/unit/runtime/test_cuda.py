"""What the driver says of the GPU's memory, and what is made of its refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import pytest

from mmsearch.runtime import cuda


class Number(Protocol):
    """A number of C."""

    value: int


class Pointer(Protocol):
    """What `ctypes.byref` gives."""

    _obj: Number


class Driver:
    """An NVIDIA driver with one GPU; `failures` are what its functions return instead of 0."""

    def __init__(self, **failures: int) -> None:
        self._failures = failures

    def __getattr__(self, name: str) -> Callable[..., int]:
        def function(*arguments: Pointer) -> int:
            if name == "cuMemGetInfo_v2":
                arguments[0]._obj.value, arguments[1]._obj.value = 3 << 30, 8 << 30
            return self._failures.get(name, 0)

        return function


@pytest.mark.parametrize(
    ("failures", "free"),
    [
        ({}, 3 << 30),
        ({"cuDevicePrimaryCtxRetain": 2}, 0),
        ({"cuDevicePrimaryCtxRetain": 999}, None),
        ({"cuInit": 100}, None),
        ({"cuCtxPushCurrent_v2": 1}, None),
        ({"cuMemGetInfo_v2": 1}, None),
    ],
)
def test_free_memory_is_the_drivers_word(
    failures: dict[str, int], free: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No room for a context is no room at all; other trouble says nothing of the memory."""
    monkeypatch.setattr(cuda, "_driver", lambda: Driver(**failures))
    assert cuda.free_cuda_bytes() == free


def test_without_a_driver_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise OSError("libcuda.so.1: cannot open shared object file")

    monkeypatch.setattr(cuda, "_driver", missing)
    assert cuda.free_cuda_bytes() is None
    assert not cuda.may_have_cuda()
