"""The language side starts as the BERT it is copied from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mmsearch.encoders.sources import ModelSource
from mmsearch.errors import ConfigError, ModelError
from mmsearch.rerank.config import RerankerConfig
from mmsearch.rerank.language import LanguageEncoder
from mmsearch.training.reranker.language import language_start
from tests.tiny_bert import bert, write_bert_directory
from tests.unit.training.reranker.toy import WORDS, toy_language


def test_a_copy_gives_what_the_original_gives() -> None:
    """States equal Hugging Face's where the text is, padding or not."""
    start = toy_language(seed=3)
    config = start.network_config(RerankerConfig(max_tokens=8, dropout=0.0))
    assert (config.vocabulary, config.language_width, config.language_layers) == (len(WORDS), 24, 2)
    language = LanguageEncoder(config).eval()
    start.copy_to(language)
    tokens = torch.tensor([[2, 5, 7, 6, 3], [2, 8, 3, 0, 0]])
    with torch.no_grad():
        theirs = bert(len(WORDS), seed=3)(tokens, attention_mask=(tokens != 0).long())[0]
        ours = language(tokens)
    torch.testing.assert_close(ours[0], theirs[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(ours[1, :3], theirs[1, :3], atol=1e-4, rtol=1e-4)


def test_lower_layers_alone_are_copied() -> None:
    start = toy_language()
    config = replace(start.network_config(RerankerConfig(max_tokens=8)), language_layers=1)
    language = LanguageEncoder(config)
    start.copy_to(language)
    name = "encoder.layer.0.intermediate.dense.weight"
    assert torch.equal(language.layers[0].feed_forward.wide.weight, start.weights[name])


def test_the_duals_own_tower_is_taken_where_it_fits(tmp_path: Path) -> None:
    own = write_bert_directory(tmp_path / "own", (*WORDS, "cat"))
    shipped = write_bert_directory(tmp_path / "shipped", WORDS)
    sources = ModelSource("own", own), ModelSource("shipped", shipped)
    assert (
        len(language_start(*sources).weights["embeddings.word_embeddings.weight"]) == len(WORDS) + 1
    )
    assert language_start(*sources).special == (0, 1, 2, 3, 4)
    config = json.loads((own / "config.json").read_text())
    for changes in ({"intermediate_size": 48}, {"model_type": "roberta"}, {"hidden_act": "relu"}):
        (own / "config.json").write_text(json.dumps({**config, **changes}))
        assert len(language_start(*sources).weights["embeddings.word_embeddings.weight"]) == len(
            WORDS
        )
    (shipped / "config.json").unlink()
    with pytest.raises(ModelError, match="no BERT"):
        language_start(*sources)


def test_longer_texts_than_positions_are_refused() -> None:
    with pytest.raises(ConfigError, match="only 16 positions"):
        toy_language().network_config(RerankerConfig(max_tokens=17))


def test_texts_are_cut_and_words_are_told_from_special_tokens() -> None:
    start = toy_language()
    (row,) = start.encode(["a red ball on a blue"], 5)
    assert row.tolist() == [2, 5, 9, 8, 3]
    assert start.decode([row]) == ["a red ball"]
    assert start.is_word(torch.from_numpy(row)).tolist() == [False, True, True, True, False]
