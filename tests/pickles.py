"""Pickles that tell on whoever reads them: they make a file when they are run."""

from __future__ import annotations

import io
import pickle
from pathlib import Path


class _Trap:
    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self._marker,))


def plain_pickle(marker: Path) -> bytes:
    """A pickle that makes `marker`."""
    return pickle.dumps(_Trap(marker))


def torch_archive(marker: Path) -> bytes:
    """The same in the archive that `torch.save` writes."""
    import torch

    out = io.BytesIO()
    torch.save({"weights": _Trap(marker)}, out)
    return out.getvalue()


def object_array(marker: Path) -> bytes:
    """The same in a `.npy` file of objects."""
    import numpy as np

    out = io.BytesIO()
    np.save(out, np.array([_Trap(marker)], dtype=object), allow_pickle=True)
    return out.getvalue()


def runs(data: bytes) -> None:
    """Read it as nobody should: what the tests' traps are tried on."""
    pickle.loads(data)  # noqa: S301 - our own trap
