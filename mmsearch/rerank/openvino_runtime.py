"""Cross encoders on the CPU through OpenVINO."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmsearch.rerank.batching import PassSize
from mmsearch.rerank.export import MATCH_TOWER, REGION_TOWER, TEXT_TOWER
from mmsearch.rerank.scoring import MatchInputs, RunSizes, States
from mmsearch.rerank_types import RegionCodes
from mmsearch.runtime.compiled import (
    CompiledTower,
    CompileOptions,
    available_cores,
    compile_tower,
)
from mmsearch.types import Scores

_TEXTS_A_PASS = 32
_PICTURES_A_PASS = 32
"""Passes of 25 to 50 pairs cost least work; of 16, a fifth more (measured)."""
_MOST_PASSES_AT_ONCE = 8


class OpenVinoTowers:
    """`Towers` compiled for this processor. Thread-safe."""

    def __init__(self, folder: Path, options: CompileOptions, parallel: int | None = None) -> None:
        """Take the exported towers and how many passes run at a time, None = as is fastest."""
        # One thread a pass beats all threads on one: small layers do not split well.
        at_once = parallel or min(options.threads or available_cores(), _MOST_PASSES_AT_ONCE)
        many = replace(options, parallel=at_once)
        size = PassSize(_PICTURES_A_PASS, at_once)
        self.sizes = RunSizes(texts=_TEXTS_A_PASS, pictures=size, pairs=size)
        self._text = _compiled(folder, TEXT_TOWER, replace(options, parallel=1))
        self._regions = _compiled(folder, REGION_TOWER, many)
        self._match = _compiled(folder, MATCH_TOWER, many)

    def read_texts(self, batches: Iterable[NDArray[np.int64]]) -> list[States]:
        """States `(n, l, h)` of each batch of tokens `(n, l)` int64."""
        return [states for (states,) in self._text.run_all((tokens,) for tokens in batches)]

    def read_regions(self, batches: Iterable[RegionCodes]) -> list[States]:
        """States `(n, r, h)` of each batch of codes `(n, r, c)` int8."""
        return [states for (states,) in self._regions.run_all((codes,) for codes in batches)]

    def match(self, batches: Iterable[MatchInputs]) -> list[Scores]:
        """Logits `(p,)` of each batch of pairs."""
        return [logits for (logits,) in self._match.run_all(batches)]


def _compiled(folder: Path, tower: str, options: CompileOptions) -> CompiledTower:
    return compile_tower(folder / f"{tower}.xml", options)
