"""Weights come from safetensors only: a pickle can run code when it is read."""

from __future__ import annotations

from pathlib import Path

from mmsearch.errors import ModelError

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle")
_STARTS = (b"\x80", b"PK\x03\x04")
"""Of a pickle since Python 2.3, and of the archive that torch puts one into."""


def check_weights(file: Path) -> None:
    """Pass when `file` may be safetensors; looks at its first bytes only.

    Raises:
        ModelError: It is a pickle, or is not there, while a pickle may lie beside it.
    """
    try:
        with file.open("rb") as stream:
            start = stream.read(9)
    except FileNotFoundError as exc:
        pickles = sorted(path for pattern in _PICKLES for path in file.parent.glob(pattern))
        if pickles:
            raise _refusal(pickles[0], file.name) from exc
        raise ModelError(f"{file.parent} holds no weights: {file.name} is missing") from exc
    except OSError as exc:
        raise ModelError(
            f"weights {file} cannot be read ({(exc.strerror or str(exc)).lower()}): "
            "check the file and its permissions"
        ) from exc
    # The length of safetensors' header comes first, and may have the bytes of a pickle's start.
    if start.startswith(_STARTS) and start[8:] != b"{":
        raise _refusal(file, file.name)


def _refusal(pickle: Path, name: str) -> ModelError:
    return ModelError(
        f"{pickle} is a pickle, which can run code when it is read: "
        f"convert it to {name} with safetensors"
    )
