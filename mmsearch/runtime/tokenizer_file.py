"""A `tokenizer.json`, parsed once a process: a model and its reranker often bring the same one."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_MOST_KEPT = 4

_lock = threading.Lock()
_parsed: OrderedDict[bytes, Tokenizer] = OrderedDict()


class TokenizerFile:
    """The tokenizer in a file, which gives at most so many token ids of a text; thread-safe."""

    def __init__(self, file: Path, most: int) -> None:
        """Take the file, and how many ids there are at most, those at both ends among them.

        Raises:
            Exception: The library's own, where it cannot read the file.
        """
        self._engine = _engine(file.read_bytes())
        self._most = most
        self._room = most - self._engine.num_special_tokens_to_add(is_pair=False)

    @property
    def size(self) -> int:
        """How many tokens there are."""
        return self._engine.get_vocab_size()

    def encode(self, text: str) -> list[int]:
        """The token ids of a text; one that is too long is cut before what stands at its end."""
        ids = list(self._engine.encode(text).ids)
        if len(ids) <= self._most:
            return ids
        bare = self._engine.encode(text, add_special_tokens=False)
        bare.truncate(max(0, self._room))
        return list(self._engine.post_process(bare).ids)


def _engine(content: bytes) -> Tokenizer:
    """What a file's content describes, neither cutting nor padding: all who use it share it."""
    from tokenizers import Tokenizer

    with _lock:  # of two that read the same one at once, one parses
        engine = _parsed.get(content)
        if engine is None:
            engine = _parsed[content] = Tokenizer.from_buffer(content)
            engine.no_padding()
            engine.no_truncation()
            if len(_parsed) > _MOST_KEPT:
                _parsed.popitem(last=False)
        return engine
