"""What the frozen lower layers of the language encoder make of each caption, kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mmsearch.training.kept import kept_array
from mmsearch.training.reranker.device import Compute
from mmsearch.training.reranker.model import RerankerModel

_BATCH = 64


class CaptionStates:
    """States of all captions by number; reading is thread-safe."""

    def __init__(self, rows: NDArray[np.float16], starts: NDArray[np.int64]) -> None:
        """Keep `rows` `(words, language_width)`, those of caption i from `starts[i]` on."""
        self._rows = rows
        self._starts = starts

    def take(self, captions: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """States `(t, l, language_width)` float32 of captions `(t,)`, and their mask `(t, l)`."""
        lengths = self._starts[captions + 1] - self._starts[captions]
        shape = (len(captions), int(lengths.max()))
        states = np.zeros((*shape, self._rows.shape[1]), np.float32)
        mask = np.zeros(shape, np.float32)
        for row, (caption, length) in enumerate(zip(captions, lengths, strict=True)):
            start = int(self._starts[caption])
            states[row, :length] = self._rows[start : start + length]
            mask[row, :length] = 1
        return torch.from_numpy(states), torch.from_numpy(mask)


def padded(rows: Sequence[NDArray[np.int64]], pad_id: int) -> Tensor:
    """Token rows as one tensor `(t, l)` int64, filled up at the right."""
    out = np.full((len(rows), max(len(row) for row in rows)), pad_id, np.int64)
    for number, row in enumerate(rows):
        out[number, : len(row)] = row
    return torch.from_numpy(out)


def keep_states(
    model: RerankerModel, tokens: Sequence[NDArray[np.int64]], folder: Path, compute: Compute
) -> CaptionStates:
    """The states of all captions; what an earlier sitting left in `folder` is used again."""
    starts = np.concatenate([[0], np.cumsum([len(row) for row in tokens])]).astype(np.int64)
    file = folder / f"states-{_digest(model, tokens)}.npy"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        beside = file.with_suffix(".part")
        shape = (int(starts[-1]), model.network.config.language_width)
        kept = np.lib.format.open_memmap(beside, mode="w+", dtype=np.float16, shape=shape)
        order = np.argsort([len(row) for row in tokens], kind="stable")
        parts = [order[start : start + _BATCH] for start in range(0, len(order), _BATCH)]
        for part, states in zip(parts, _run(model, tokens, parts, compute), strict=True):
            for caption, one in zip(part, states, strict=True):
                kept[starts[caption] : starts[caption + 1]] = one[: len(tokens[caption])]
        kept.flush()
        beside.replace(file)
    return CaptionStates(kept_array(file, np.float16), starts)


def _run(
    model: RerankerModel,
    tokens: Sequence[NDArray[np.int64]],
    parts: Sequence[NDArray[np.int64]],
    compute: Compute,
) -> list[NDArray[np.float16]]:
    """States `(n, l, language_width)` of each part, padded."""
    pad_id = model.network.config.pad_id

    def run(part: NDArray[np.int64]) -> NDArray[np.float16]:
        rows = padded([tokens[caption] for caption in part], pad_id)
        with torch.no_grad(), compute.precision():
            states: NDArray[np.float16] = model.lower(compute.move(rows)).half().cpu().numpy()
        return states

    return compute.each(run, parts)


def _digest(model: RerankerModel, tokens: Sequence[NDArray[np.int64]]) -> str:
    """Of all that decides the states."""
    hasher = hashlib.sha256()
    for name, value in model.network.language.state_dict().items():
        hasher.update(name.encode())
        hasher.update(np.ascontiguousarray(value.cpu().numpy()).tobytes())
    for row in tokens:
        hasher.update(np.array([len(row), *row], np.int64).tobytes())
    frozen = [not parameter.requires_grad for parameter in model.network.language.parameters()]
    hasher.update(bytes(frozen))
    return hasher.hexdigest()[:16]
