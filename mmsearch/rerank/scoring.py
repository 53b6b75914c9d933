"""A cross encoder on top of any runtime: every text and picture is read once, pairs in runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mmsearch.errors import ModelError
from mmsearch.rerank.batching import PairRun, PassSize, even_parts, pair_runs, text_batches
from mmsearch.rerank.config import RerankerConfig
from mmsearch.rerank.source import RerankerSource
from mmsearch.rerank.tokenize import Tokenizer
from mmsearch.rerank_types import Fusion, Pairs, QueryBank, RegionCodes, RegionProjection
from mmsearch.types import Scores

States: TypeAlias = NDArray[np.float32]
"""`(n, l, h)` or `(n, r, h)` float32: what an encoder makes of texts or pictures."""

MatchInputs: TypeAlias = tuple[States, NDArray[np.float32], States]
"""Text states `(p, l, h)`, their mask `(p, l)` (1 = a word), region states `(p, r, h)`."""


class Towers(Protocol):
    """The three parts of a network as a runtime offers them; batches are taken one by one."""

    def read_texts(self, batches: Iterable[NDArray[np.int64]]) -> list[States]:
        """States `(n, l, h)` of each batch of tokens `(n, l)` int64."""

    def read_regions(self, batches: Iterable[RegionCodes]) -> list[States]:
        """States `(n, r, h)` of each batch of codes `(n, r, c)` int8."""

    def match(self, batches: Iterable[MatchInputs]) -> list[Scores]:
        """Logits `(p,)` of each batch of pairs."""


@dataclass(frozen=True, slots=True)
class RunSizes:
    """How much a runtime takes in one pass; `texts` is a plain number, at most."""

    texts: int
    pictures: PassSize
    pairs: PassSize


class TowerCrossEncoder:
    """A `CrossEncoder`; as thread-safe as its towers.

    The states of all texts and pictures of one call lie in memory (about 36 kB a picture at 36
    regions of width 256); what matching needs on top is bounded by the run size.
    """

    def __init__(
        self,
        source: RerankerSource,
        config: RerankerConfig,
        tokenizer: Tokenizer,
        towers: Towers,
        sizes: RunSizes,
    ) -> None:
        self._source = source
        self._config = config
        self._tokenizer = tokenizer
        self._towers = towers
        self._sizes = sizes

    @property
    def projection(self) -> RegionProjection:
        """Which region features it reads."""
        return self._source.projection

    @property
    def fusion(self) -> Fusion:
        """How its logits go together with the dual encoder's cosines."""
        return self._source.fusion

    @property
    def bank(self) -> QueryBank:
        """Typical questions, to hold hubs back."""
        return self._source.bank

    def score(self, texts: Sequence[str], regions: RegionCodes, pairs: Pairs) -> Scores:
        """The match logit `(p,)` of each pair of a text and a picture `(n, r, c)`.

        Raises:
            ModelError: The codes are not those of this reranker's projection.
        """
        self._check(regions)
        out = np.empty(len(pairs), np.float32)
        used_texts, text_rows = np.unique(pairs[:, 0], return_inverse=True)
        used_pictures, picture_rows = np.unique(pairs[:, 1], return_inverse=True)
        words = self._read_texts([texts[number] for number in used_texts])
        cells = self._read_regions(regions, used_pictures)
        runs = pair_runs(
            np.stack([text_rows, picture_rows], axis=1),
            np.array([len(states) for states in words], np.int64),
            self._sizes.pairs,
            self._config.max_tokens,
        )
        matched = self._towers.match(_gathered(runs, words, cells))
        for run, logits in zip(runs, matched, strict=True):
            out[run.numbers] = logits
        return out

    def _read_texts(self, texts: Sequence[str]) -> list[States]:
        """The states `(l, h)` of each text, without padding."""
        rows = self._tokenizer.encode(texts)
        batches = text_batches(
            rows, self._sizes.texts, self._config.pad_id, self._config.max_tokens
        )
        states: list[States] = [np.empty((0, 0), np.float32)] * len(rows)
        read = self._towers.read_texts(batch.tokens for batch in batches)
        for batch, many in zip(batches, read, strict=True):
            for number, one in zip(batch.numbers, many, strict=True):
                states[number] = one[: len(rows[number])]
        return states

    def _read_regions(self, regions: RegionCodes, used: NDArray[np.int64]) -> list[States]:
        """The states `(r, h)` of each picture at `used`."""
        parts = even_parts(used, self._sizes.pictures)
        read = self._towers.read_regions(regions[part] for part in parts)
        return [one for many in read for one in many]

    def _check(self, regions: RegionCodes) -> None:
        shape = (self._config.regions, self._config.channels)
        if regions.ndim != 3 or regions.shape[1:] != shape or regions.dtype != np.int8:
            raise ModelError(
                f"region features come as {regions.shape} {regions.dtype}: this reranker takes "
                f"(n, {shape[0]}, {shape[1]}) int8; run 'mmsearch index' with it"
            )


def _gathered(
    runs: Sequence[PairRun], words: Sequence[States], cells: Sequence[States]
) -> Iterator[MatchInputs]:
    """The inputs of each run, made when it is its turn."""
    for run in runs:
        n, width = len(run.numbers), words[run.texts[0]].shape[1]
        text = np.zeros((n, run.length, width), np.float32)
        mask = np.zeros((n, run.length), np.float32)
        for row, number in enumerate(run.texts):
            states = words[number]
            text[row, : len(states)] = states
            mask[row, : len(states)] = 1
        yield text, mask, np.stack([cells[number] for number in run.pictures])
