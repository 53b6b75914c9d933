"""Texts to the token ids of a reranker, through the `tokenizers` library alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mmsearch.errors import ModelError
from mmsearch.rerank.config import RerankerConfig
from mmsearch.rerank.source import RerankerSource
from mmsearch.runtime.tokenizer_file import TokenizerFile


class Tokenizer(Protocol):
    """Anything that turns texts into rows of token ids, without padding."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, at least one, cut at the longest length there is."""


class FileTokenizer:
    """The `tokenizer.json` of a reranker."""

    def __init__(self, source: RerankerSource, config: RerankerConfig) -> None:
        try:
            self._file = TokenizerFile(source.tokenizer, config.max_tokens)
        except Exception as exc:  # the library raises bare Exception
            raise ModelError(
                f"tokenizer {source.tokenizer} cannot be read ({exc}): "
                "give a directory that 'mmsearch train-reranker' wrote"
            ) from exc
        self._check(source, config)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, at least one, cut at `config.max_tokens`."""
        # One by one: encode_batch starts threads that complain on stderr after a fork.
        return [self._file.encode(text) for text in texts]

    def _check(self, source: RerankerSource, config: RerankerConfig) -> None:
        """Refuse what would make the network fail later, or give what is no number."""
        size = self._file.size
        (empty,) = self.encode([""])
        if size > config.vocabulary or not set(empty) - {config.pad_id}:
            raise ModelError(
                f"tokenizer {source.tokenizer} does not fit the network (it has {size} tokens of "
                f"{config.vocabulary}, an empty text gives {len(empty)}): "
                "give a directory that 'mmsearch train-reranker' wrote"
            )
