"""Tokens without torch, against open_clip's own tokenizers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from open_clip import SimpleTokenizer

from mmsearch.encoders.bpe import write_clip_tokenizer
from mmsearch.encoders.tokenize import FileTokenizer, TextBatcher, TokenizerRules, padded
from mmsearch.encoders.torch_model import LoadedModel
from mmsearch.encoders.vocabulary import SAMPLE_TEXTS, write_tokenizer
from mmsearch.errors import ModelError

# Characters that newer Unicode versions have assigned are classed apart by older libraries.
ASSIGNED = st.characters(exclude_categories=("Cn", "Co", "Cs"))
TEXTS = st.text(ASSIGNED, max_size=60) | st.from_regex(
    r"[A-Za-z0-9 ',.!&;<>_]{0,60}", fullmatch=True
)


@pytest.fixture(scope="module")
def clip_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CLIP's byte-pair tokenizer as a tokenizer.json."""
    file = tmp_path_factory.mktemp("bpe") / "tokenizer.json"
    write_clip_tokenizer(file)
    return file


@pytest.fixture(scope="module")
def simple() -> SimpleTokenizer:
    """open_clip's tokenizer; making one takes a third of a second."""
    return SimpleTokenizer()


def _full(file: Path, rules: TokenizerRules, texts: Sequence[str]) -> np.ndarray:
    """Token rows padded to the context length, as open_clip pads them."""
    full = TokenizerRules(rules.context_length, rules.pad_id, True, rules.clean)
    return padded(_read(file, full).encode(texts), full)


_read = lru_cache(FileTokenizer)


@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
def test_clip_tokens_equal_open_clip(clip_file: Path, simple: SimpleTokenizer, text: str) -> None:
    """Byte pairs, start and end tokens and zero padding are open_clip's."""
    found = _full(clip_file, TokenizerRules(77, clean="lower"), [text])
    np.testing.assert_array_equal(found, simple(text).numpy())


def test_clip_cut_keeps_the_end_token(clip_file: Path, simple: SimpleTokenizer) -> None:
    """The text tower pools at the largest id: the end token must survive the cut."""
    found = _full(clip_file, TokenizerRules(16, clean="lower"), ["dog " * 100])
    np.testing.assert_array_equal(found, simple("dog " * 100, context_length=16).numpy())
    assert found[0, -1] == found.max() == 49407


def test_clip_capitals_split_alike_when_they_are_kept(tmp_path: Path) -> None:
    """Without lower-casing, `'S` is split off as open_clip's case-blind pattern does."""
    file = tmp_path / "tokenizer.json"
    write_clip_tokenizer(file, ignore_case=True)
    texts = ["THE DOG'S BALL", "It's", "WE'LL <START_OF_TEXT> go"]
    found = _full(file, TokenizerRules(77, clean="whitespace"), texts)
    np.testing.assert_array_equal(found, SimpleTokenizer(clean="whitespace")(texts).numpy())


@settings(max_examples=100, deadline=None)
@given(text=TEXTS)
def test_huggingface_tokens_equal_open_clip(loaded: LoadedModel, text: str) -> None:
    """The model's tokenizer.json gives what transformers gives."""
    file = loaded.source.directory / "tokenizer.json"
    found = _full(file, TokenizerRules(24), [text])
    np.testing.assert_array_equal(found, loaded.tokenizer([text]).numpy())


def test_written_tokenizer_tells_its_rules(loaded: LoadedModel, tmp_path: Path) -> None:
    """A Hugging Face tower is padded to the longest text only."""
    rules = write_tokenizer(loaded, tmp_path)
    assert rules == TokenizerRules(24, pad_id=0, fixed_length=False, clean="whitespace")
    assert (tmp_path / "tokenizer.json").is_file()


def test_unequal_tokenizer_is_not_trusted(loaded: LoadedModel, tmp_path: Path) -> None:
    """Where the file differs from open_clip, open_clip's own tokenizer stays in charge."""
    from dataclasses import replace

    def reversed_tokens(texts: Sequence[str]) -> object:
        return loaded.tokenizer(texts).flip(0)

    strange = replace(loaded, tokenizer=reversed_tokens)
    assert write_tokenizer(strange, tmp_path) is None


def test_batches_cover_every_text_once(loaded: LoadedModel) -> None:
    """Rows are grouped by length and keep their numbers."""
    rules = TokenizerRules(24)
    tokenizer = FileTokenizer(loaded.source.directory / "tokenizer.json", rules)
    texts = [*SAMPLE_TEXTS, "a dog", "a cat on the beach"]
    batches = TextBatcher(tokenizer, rules, batch_size=3).batches(texts)
    numbers = np.concatenate([batch.numbers for batch in batches])
    assert sorted(numbers) == list(range(len(texts)))
    widths = [batch.tokens.shape[1] for batch in batches]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1] == 24
    for batch in batches:
        for number, row in zip(batch.numbers, batch.tokens, strict=True):
            expected = tokenizer.encode([texts[number]])[0]
            assert row[: len(expected)].tolist() == expected
            assert not row[len(expected) :].any()


def test_padding_uses_the_rules() -> None:
    """Fixed rows have the context length, others that of the longest text."""
    rows = [[5, 6, 7], [8]]
    assert padded(rows, TokenizerRules(6, pad_id=1)).tolist() == [[5, 6, 7], [8, 1, 1]]
    fixed = padded(rows, TokenizerRules(4, pad_id=1, fixed_length=True))
    assert fixed.tolist() == [[5, 6, 7, 1], [8, 1, 1, 1]]


def test_zeroed_token_becomes_zero(loaded: LoadedModel) -> None:
    """`strip_sep_token` of open_clip: the separator is replaced by 0."""
    rules = TokenizerRules(24, zeroed_id=3)
    tokenizer = FileTokenizer(loaded.source.directory / "tokenizer.json", rules)
    assert tokenizer.encode(["a dog"])[0][-1] == 0


def test_damaged_tokenizer_is_one_line(tmp_path: Path) -> None:
    """A broken file is named."""
    file = tmp_path / "tokenizer.json"
    file.write_text("{")
    with pytest.raises(ModelError, match=r"tokenizer .* cannot be read"):
        FileTokenizer(file, TokenizerRules(8))
