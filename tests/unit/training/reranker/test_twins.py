"""Twins of captions as token rows."""

from __future__ import annotations

from mmsearch.training.reranker.twins import twin_tokens
from tests.unit.training.reranker.toy import toy_language


def test_twins_differ_by_an_exchange_alone() -> None:
    """Same words, other places; none where nothing can be exchanged or a word is unknown."""
    language = toy_language()
    texts = ["a red dog on a blue ball", "red blue", "a red dog on a blue zebra"]
    tokens = language.encode(texts, 10)
    twins = twin_tokens(language, tokens, 10)
    assert [len(rows) for rows in twins] == [2, 0, 0]
    assert language.decode(twins[0]) == ["a blue dog on a red ball", "a red ball on a blue dog"]
    assert all(sorted(row) == sorted(tokens[0]) for row in twins[0])
