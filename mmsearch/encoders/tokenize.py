"""Texts to token ids through the `tokenizers` library: no torch, no transformers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mmsearch.encoders.cleaning import cleaning
from mmsearch.errors import ModelError
from mmsearch.runtime.tokenizer_file import TokenizerFile

TokenIds: TypeAlias = NDArray[np.int64]
"""`(n, l)` int64 token ids, padded at the right."""


@dataclass(frozen=True, slots=True)
class TokenizerRules:
    """How a model wants its tokens.

    `fixed_length` pads every batch to `context_length`, else to its longest text. Tokens equal to
    `zeroed_id` become 0 (open_clip's `strip_sep_token`).
    """

    context_length: int
    pad_id: int = 0
    fixed_length: bool = False
    clean: str = "whitespace"
    zeroed_id: int | None = None


class Tokenizer(Protocol):
    """Anything that turns texts into rows of token ids, without padding."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, cut at the context length."""


class FileTokenizer:
    """A `tokenizer.json`, with open_clip's cleaning before and its cut after."""

    def __init__(self, file: Path, rules: TokenizerRules) -> None:
        try:
            self._file = TokenizerFile(file, rules.context_length)
        except Exception as exc:  # the library raises bare Exception
            raise ModelError(
                f"tokenizer {file} cannot be read ({exc}): give a complete model directory"
            ) from exc
        self._clean = cleaning(rules.clean)
        self._zeroed_id = rules.zeroed_id

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, cut at the context length."""
        # One by one: encode_batch starts threads that complain on stderr after a fork.
        rows = [self._file.encode(self._clean(text)) for text in texts]
        if self._zeroed_id is None:
            return rows
        return [[0 if token == self._zeroed_id else token for token in row] for row in rows]


def padded(rows: Sequence[Sequence[int]], rules: TokenizerRules) -> TokenIds:
    """`rows` as one array, filled up with `rules.pad_id` at the right."""
    longest = max((len(row) for row in rows), default=1)
    length = rules.context_length if rules.fixed_length else max(longest, 1)
    out = np.full((len(rows), length), rules.pad_id, dtype=np.int64)
    for number, row in enumerate(rows):
        out[number, : len(row)] = row
    return out


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """Texts of like length: `tokens` `(n, l)` int64 of the texts at `numbers` `(n,)` int64."""

    numbers: NDArray[np.int64]
    tokens: TokenIds


class TextBatcher:
    """A tokenizer with the rules that turn its rows into arrays."""

    def __init__(self, tokenizer: Tokenizer, rules: TokenizerRules, batch_size: int = 32) -> None:
        self._tokenizer = tokenizer
        self._rules = rules
        self._batch_size = batch_size

    def batches(self, texts: Sequence[str]) -> list[TokenBatch]:
        """`texts` in batches of like length, so that little is padded."""
        rows = self._tokenizer.encode(texts)
        order = np.argsort([len(row) for row in rows], kind="stable").astype(np.int64)
        starts = range(0, len(order), self._batch_size)
        groups = [order[start : start + self._batch_size] for start in starts]
        return [
            TokenBatch(group, padded([rows[number] for number in group], self._rules))
            for group in groups
        ]
