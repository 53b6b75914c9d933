"""A reranker on disk: written, found, read, refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from mmsearch.errors import ModelError
from mmsearch.rerank import find_reranker, region_projection, save_reranker
from mmsearch.rerank.model_directory import RerankerFacts, load_network
from mmsearch.rerank.source import read_config
from mmsearch.rerank_types import NO_QUESTIONS, Fusion
from tests.tiny_reranker import (
    TinyReranker,
    build_tiny_reranker,
    tiny_bank,
    tiny_config,
    tiny_network,
    tiny_projection,
    tiny_tokenizer,
)


def edit(directory: Path, **changes: object) -> None:
    """Overwrite entries of `reranker.json`."""
    file = directory / "reranker.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_what_is_written_is_found(tmp_path: Path) -> None:
    """All facts come back, the projection bit by bit, under the same digest."""
    written = build_tiny_reranker(tmp_path / "reranker")
    found = find_reranker(tmp_path / "reranker")
    assert found is not None
    assert (found.space_digest, found.measured_lift) == (written.space_digest, 1.5)
    assert found.fusion == Fusion(3.0, 2.0, image_hubness=0.5, caption_hubness=0.25)
    bank = tiny_bank(TinyReranker())
    np.testing.assert_allclose(found.bank.texts, bank.texts, atol=0.01)
    np.testing.assert_allclose(found.bank.images, bank.images, atol=0.01)
    assert found.projection.digest == written.projection.digest
    assert found.projection.taps == ("visual",)
    np.testing.assert_array_equal(found.projection.weight, written.projection.weight)
    assert read_config(found) == tiny_config()


def test_weights_come_back_nearly(tmp_path: Path) -> None:
    """Every parameter is within the int8 step of what was written."""
    source = build_tiny_reranker(tmp_path)
    before, after = tiny_network(TinyReranker()).state_dict(), load_network(source).state_dict()
    assert set(before) == set(after)
    for name, values in before.items():
        largest = values.abs().max().item()
        assert (after[name] - values).abs().max().item() <= largest / 127, name


def test_pretraining_heads_are_not_written(tmp_path: Path) -> None:
    """What only training needs is left out, and not missed."""
    network = tiny_network(TinyReranker())
    network.pretraining = torch.nn.Linear(4, 4)
    projection = tiny_projection(TinyReranker())
    facts = RerankerFacts("ab", "tiny", projection, Fusion(1, 1), NO_QUESTIONS, 0.0)
    source = save_reranker(network, facts, tiny_tokenizer(), tmp_path)
    assert not hasattr(load_network(source), "pretraining")


def test_no_description_is_no_reranker(tmp_path: Path) -> None:
    assert find_reranker(tmp_path) is None
    assert find_reranker(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": 2}, "'format'"),
        ({"fusion": {"images": "much"}}, "'fusion.images'"),
        ({"space_digest": None}, "'space_digest'"),
        ({"config": {"stars": 5}}, "stars"),
        ({"config": {"heads": 3}}, "'heads' = 3 makes no network"),
        ({"config": {"width": 0}}, "'width' = 0 makes no network"),
        ({"config": {"arrangement": "tower"}}, "'arrangement'"),
        ({"fusion": {"images": 1, "captions": 1, "temperature": 0}}, "'fusion'"),
        ({"measured_lift": float("inf")}, "measured_lift"),
        ({"projection": {"taps": ["visual"], "rows": 9, "columns": 9}}, "9 x 9 regions"),
    ],
)
def test_malformed_descriptions_are_refused(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    """One line that says what is wrong."""
    build_tiny_reranker(tmp_path)
    edit(tmp_path, **changes)
    with pytest.raises(ModelError, match=said) as caught:
        find_reranker(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["reranker.json", "reranker.safetensors"])
def test_a_damaged_file_is_refused(tmp_path: Path, name: str) -> None:
    build_tiny_reranker(tmp_path)
    (tmp_path / name).write_bytes(b"{")
    with pytest.raises(ModelError, match="cannot be read") as caught:
        find_reranker(tmp_path)
    assert "\n" not in str(caught.value)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    """The description's sizes must be those of the weights."""
    source = build_tiny_reranker(tmp_path)
    edit(tmp_path, config=tiny_config().to_json() | {"align_width": 9})
    with pytest.raises(ModelError, match="are not those of") as caught:
        load_network(source)
    assert "\n" not in str(caught.value)


def test_sizes_that_no_memory_holds_are_refused_before_any_is_taken(tmp_path: Path) -> None:
    source = build_tiny_reranker(tmp_path)
    edit(tmp_path, config=tiny_config().to_json() | {"vocabulary": 1 << 24, "align_width": 1 << 24})
    with pytest.raises(ModelError, match="has another size"):
        load_network(source)


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("projection.weight", np.zeros((5, 4), np.float64), "finite float32"),
        ("projection.bias", np.full(5, np.nan, np.float32), "finite float32"),
        ("bank.texts", np.zeros((5, 8), np.float32), "int8"),
        ("bank.texts", np.zeros(5, np.int8), "do not go with"),
        ("scales.bank.images", np.full((3, 1), np.inf, np.float16), "int8"),
    ],
)
def test_numbers_of_another_kind_are_refused(
    tmp_path: Path, name: str, values: np.ndarray, said: str
) -> None:
    source = build_tiny_reranker(tmp_path)
    save_file({**load_file(source.weights), name: values}, source.weights)
    with pytest.raises(ModelError, match=said) as caught:
        find_reranker(tmp_path)
    assert "\n" not in str(caught.value)


def test_more_layers_than_weights_are_refused(tmp_path: Path) -> None:
    source = build_tiny_reranker(tmp_path)
    edit(tmp_path, config=tiny_config().to_json() | {"cross_layers": 3})
    with pytest.raises(ModelError, match="missing or unknown"):
        load_network(source)


def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="cannot be written"):
        build_tiny_reranker(tmp_path / "file" / "reranker")


def test_the_projections_digest_is_of_all_its_parts() -> None:
    """Another tap, grid, weight or bias is another projection; a copy is the same one."""
    weight, bias = np.ones((2, 4), np.float32), np.zeros(2, np.float32)
    digests = {
        region_projection(*parts).digest
        for parts in [
            (("a",), 2, 3, weight, bias),
            (("a",), 2, 3, np.asfortranarray(weight), bias.copy()),
            (("b",), 2, 3, weight, bias),
            (("a",), 3, 2, weight, bias),
            (("a",), 2, 3, weight * 2, bias),
            (("a",), 2, 3, weight, bias + 1),
        ]
    }
    assert len(digests) == 5
