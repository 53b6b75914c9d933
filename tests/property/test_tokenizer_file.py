"""A tokenizer that many share cuts as the library's own truncation does."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from mmsearch.encoders.sources import shipped_directory
from mmsearch.runtime.tokenizer_file import TokenizerFile

SHIPPED = shipped_directory() / "tokenizer.json"
words = st.sampled_from(
    ["a", "dog", "running", "beach", "xyzzyqu", "[SEP]", "é", "犬", "1234", "!?"]
)
texts = st.one_of(st.lists(words, max_size=30).map(" ".join), st.text(max_size=60))


@settings(max_examples=200, deadline=None)
@given(texts, st.integers(2, 40))
def test_it_cuts_as_the_library_does(text: str, most: int) -> None:
    engine = Tokenizer.from_file(str(SHIPPED))
    engine.no_padding()
    engine.enable_truncation(max_length=most)
    assert TokenizerFile(SHIPPED, most).encode(text) == list(engine.encode(text).ids)


def test_readers_of_the_same_bytes_share_one_and_do_not_disturb_each_other(tmp_path: Path) -> None:
    copy = tmp_path / "tokenizer.json"
    copy.write_bytes(SHIPPED.read_bytes())
    short, long = TokenizerFile(SHIPPED, 4), TokenizerFile(copy, 64)
    assert short._engine is long._engine
    text = "a dog on a beach with a ball"
    assert len(short.encode(text)) == 4
    assert long.encode(text)[1:3] == short.encode(text)[1:3]
    assert len(long.encode(text)) > 8
    assert short.encode(text)[-1] == long.encode(text)[-1]  # what stands at the end
    copy.write_text("{}", "utf-8")
    with pytest.raises(Exception, match="Model missing"):
        TokenizerFile(copy, 4)
