"""Arrays that an earlier sitting of a run kept on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mmsearch.errors import ConfigError

Kind = TypeVar("Kind", bound=np.generic)


def kept_array(file: Path, kind: type[Kind], *, mapped: bool = True) -> NDArray[Kind]:
    """The array of `kind` in a `.npy` file, `mapped` into memory or read; never a pickle.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        kept: NDArray[Kind] = np.load(file, mmap_mode="r" if mapped else None, allow_pickle=False)
    except (OSError, ValueError, EOFError) as exc:
        raise unreadable(file, exc) from exc
    if not isinstance(kept, np.ndarray) or kept.dtype != kind:
        raise unreadable(file, TypeError("it holds something else"))
    return kept


def unreadable(file: Path, exc: Exception) -> ConfigError:
    """The error that says what to do about a kept file."""
    line = " ".join(str(exc).split())[:200]
    return ConfigError(f"{file}: what the run kept cannot be read ({line}): start over (--restart)")
