"""Reranking through the command line, with a tiny model that brings a tiny reranker."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.integration.cli.command import Mmsearch
from tests.integration.cli.conftest import COLOURS, World, make_photos
from tests.tiny_reranker import TinyReranker, build_tiny_reranker

N_PICTURES = len(COLOURS) + 1
SCORED = ["rank", "score", "path", "media_id", "rerank_score", "dual_rank", "exact"]


@pytest.fixture(scope="module")
def model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> Path:
    """The tiny model with a reranker in its directory."""
    import torch

    from mmsearch.encoders import resolve_model, space_of
    from mmsearch.encoders.taps import TappedTower, default_taps
    from mmsearch.encoders.torch_model import load_torch_model

    directory = tmp_path_factory.mktemp("reranked") / "tiny"
    shutil.copytree(tiny_model, directory)
    source = resolve_model(str(directory), model_cache)
    loaded = load_torch_model(source, "cpu")
    taps = default_taps(loaded)
    with torch.no_grad():
        _, cells = TappedTower(loaded.model, taps, 2, 3)(torch.zeros(1, 3, 64, 64))
    space = space_of(source)
    recipe = TinyReranker(
        space_digest=space.digest, taps=taps, channels_in=cells.shape[-1], dim=space.dim
    )
    build_tiny_reranker(directory / "reranker", recipe)
    return directory


@pytest.fixture(scope="module")
def place(model: Path, tmp_path_factory: pytest.TempPathFactory, model_cache: Path) -> World:
    """A folder with an index of that model, and the command there."""
    folder = tmp_path_factory.mktemp("place")
    make_photos(folder / "photos")
    rows = [f"{colour}.png,a {colour} ball" for colour in COLOURS]
    (folder / "captions.csv").write_text("\n".join(["file,caption", *rows]) + "\n", "utf-8")
    environment = {
        "MMSEARCH_HOME": str(folder / "home"),
        "MMSEARCH_CACHE": str(model_cache),
        "MMSEARCH_MODEL": str(model),
        "MMSEARCH_DEVICE": "cpu",
    }
    command = Mmsearch(folder, environment)
    done = command.run("index", "photos", "--captions", "captions.csv")
    assert done.code == 0, done.notes
    return World(folder, command)


def test_the_first_hits_are_reranked_of_themselves_and_tell_it(place: World) -> None:
    hits = place.mmsearch.run("query", "a red ball", "--json", "-k", "99").objects()
    assert [list(hit) for hit in hits] == [SCORED] * N_PICTURES
    scores = [float(str(hit["rerank_score"])) for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert sorted(int(str(hit["dual_rank"])) for hit in hits) == list(range(1, N_PICTURES + 1))


def test_a_bare_rerank_leaves_the_text_alone_and_a_number_is_its_depth(place: World) -> None:
    bare = place.mmsearch.run("query", "--rerank", "a red ball", "--json")
    assert bare.code == 0, bare.notes
    assert [list(hit) for hit in bare.objects()] == [SCORED] * N_PICTURES
    few = place.mmsearch.run("query", "--rerank", "3", "a red ball", "--json").objects()
    assert ["rerank_score" in hit for hit in few] == [True] * 3 + [False] * (N_PICTURES - 3)
    dual = place.mmsearch.run("query", "a red ball", "--no-rerank", "--json").objects()
    assert {hit["path"] for hit in few[:3]} == {hit["path"] for hit in dual[:3]}
    assert [hit["path"] for hit in few[3:]] == [hit["path"] for hit in dual[3:]]


def test_a_budget_of_nothing_is_the_dual_order(place: World) -> None:
    dual = place.mmsearch.run("query", "a red ball", "--no-rerank", "--json").objects()
    none = place.mmsearch.run("query", "a red ball", "--budget-ms", "0", "--json").objects()
    assert none == dual


def test_people_are_told_how_far_a_budget_went(place: World) -> None:
    done = place.mmsearch.run("query", "a red ball", "--budget-ms", "60000")
    assert f"reranked {N_PICTURES} hits within 60000 ms" in done.notes


def test_a_picture_ranks_captions(place: World) -> None:
    done = place.mmsearch.run("query", "photos/red.png", "--to", "captions", "--json")
    assert len(done.objects()) == len(COLOURS)
    assert all("rerank_score" in hit for hit in done.objects())


def test_what_cannot_be_reranked_is_one_line(place: World, shared_world: World) -> None:
    picture = place.mmsearch.run("query", "photos/red.png", "--rerank")
    assert (picture.code, picture.notes.count("\n")) == (2, 1)
    assert "cannot be reranked" in picture.notes
    bare = shared_world.mmsearch.run("query", "red", "--rerank")
    assert (bare.code, bare.notes.count("\n")) == (2, 1)
    assert "no reranker" in bare.notes


def test_another_models_reranker_is_refused(place: World, shared_world: World, model: Path) -> None:
    """Its space is told by its weights: the copy without a reranker has the same ones."""
    same = shared_world.mmsearch.run("query", "red", "--json", "--reranker", model / "reranker")
    assert same.code == 0, same.notes
    other = place.folder / "other"
    build_tiny_reranker(other, TinyReranker(space_digest="ef" * 32))
    done = place.mmsearch.run("query", "red", "--reranker", other)
    assert (done.code, done.notes.count("\n")) == (1, 1)
    assert "trained on another model" in done.notes


def test_evaluation_tells_before_and_after(place: World) -> None:
    ask = ("evaluate", "captions.csv", "--images", "photos", "--split", "all", "--rerank", "5")
    done = place.mmsearch.run(*ask)
    assert done.code == 0, done.notes
    assert "reranked, " in done.text
    assert "→" in done.text.partition("reranked")[2]
    [report] = place.mmsearch.run(*ask, "--json").objects()
    reranked = report["reranked"]
    assert list(reranked)[:4] == ["k", "text_to_image", "image_to_text", "rsum"]  # type: ignore[call-overload]
    assert reranked["k"] == 5  # type: ignore[index]
    assert [one["k"] for one in reranked["depths"]] == [5]  # type: ignore[index]


def test_status_and_info_tell_of_rerank_features(place: World) -> None:
    """They were kept while indexing, as the model brings a reranker."""
    [status] = place.mmsearch.run("status", "--json").objects()
    assert [one["with_rerank_features"] for one in status["spaces"]] == [N_PICTURES]  # type: ignore[attr-defined]
    assert f"{N_PICTURES} with rerank features" in place.mmsearch.run("status").text
    info = place.mmsearch.run("info", place.photos / "red.png")
    assert "dimensions, rerank features)" in info.text
