"""Texts to token ids."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsearch.errors import ModelError
from mmsearch.rerank.tokenize import FileTokenizer
from tests.tiny_reranker import WORDS, build_tiny_reranker, tiny_config, tiny_tokenizer


def test_texts_become_ids_between_cls_and_sep(tmp_path: Path) -> None:
    """Unknown words too; longer texts are cut, the end mark kept."""
    tokenizer = FileTokenizer(build_tiny_reranker(tmp_path), tiny_config())
    rows = tokenizer.encode(["a RED dog", "", "zebra", "dog " * 50])
    named = [[WORDS[token] for token in row] for row in rows]
    assert named[:3] == [
        ["[CLS]", "a", "red", "dog", "[SEP]"],
        ["[CLS]", "[SEP]"],
        ["[CLS]", "[UNK]", "[SEP]"],
    ]
    assert len(named[3]) == tiny_config().max_tokens
    assert named[3][-1] == "[SEP]"


def test_a_damaged_tokenizer_is_refused(tmp_path: Path) -> None:
    source = build_tiny_reranker(tmp_path)
    source.tokenizer.write_text("{}")
    with pytest.raises(ModelError, match="cannot be read"):
        FileTokenizer(source, tiny_config())


def test_a_tokenizer_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    """More tokens than the network knows, or no token at all for an empty text."""
    from tokenizers import Tokenizer, models

    source = build_tiny_reranker(tmp_path)
    engine = Tokenizer.from_str(tiny_tokenizer().decode())
    engine.add_tokens(["zebra"])
    source.tokenizer.write_text(engine.to_str())
    with pytest.raises(ModelError, match="18 tokens of 17"):
        FileTokenizer(source, tiny_config())
    bare = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))  # noqa: S106
    source.tokenizer.write_text(bare.to_str())
    with pytest.raises(ModelError, match="an empty text gives 0"):
        FileTokenizer(source, tiny_config())
