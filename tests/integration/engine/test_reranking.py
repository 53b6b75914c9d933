"""Reranked answers from real catalogues: what is scored, kept, refused, and in what time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mmsearch.engine.library import Library
from mmsearch.engine.records import IndexOptions
from mmsearch.engine.request import QueryRequest
from mmsearch.errors import QueryError
from mmsearch.rerank_types import Fusion, QueryBank
from tests.fakes import COLOURS, FakeCrossEncoder, FakeModels, FakeRerankers
from tests.photos import fake_library, media_id, photo


@pytest.fixture
def rerankers() -> FakeRerankers:
    """The fake reranker."""
    return FakeRerankers()


@pytest.fixture
def album(home: Path, photos: Path) -> Path:
    """A picture of each colour with a caption, indexed before there was a reranker."""
    for number, colour in enumerate(COLOURS):
        photo(photos / f"{colour}.png", colour, number)
    captions = photos.parent / "captions.csv"
    rows = ["file,caption", *(f"{colour}.png,{colour}" for colour in COLOURS)]
    captions.write_text("\n".join(rows) + "\n", "utf-8")
    with fake_library(home) as library:
        library.index(photos, IndexOptions(captions=(captions,)))
    return photos


@pytest.fixture
def library(
    home: Path, album: Path, models: FakeModels, rerankers: FakeRerankers
) -> Iterator[Library]:
    """A library whose model has a reranker."""
    with fake_library(home, models, rerankers=rerankers) as library:
        yield library


def order(library: Library, **options: object) -> list[str]:
    """The stems of the files found for "red", best first."""
    return [hit.media.path.stem for hit in library.query("red", **options)]  # type: ignore[arg-type]


def naive(library: Library, encoder: FakeCrossEncoder, depth: int) -> list[str]:
    """Each of the first hits reranked alone, sorted by its score; the rest behind them."""
    dual = library.query("red", k=50, rerank=0)
    scores = [(hit.rerank_score, hit) for hit in library.query("red", k=50, rerank=depth)]
    by_path = {hit.media.path: score for score, hit in scores}
    first = sorted(dual[:depth], key=lambda hit: (-(by_path[hit.media.path] or 0), hit.rank))
    return [hit.media.path.stem for hit in (*first, *dual[depth:])]


def test_words_are_reranked_where_the_model_has_a_reranker(
    library: Library, rerankers: FakeRerankers
) -> None:
    answer = library.answer(QueryRequest.of("red", {}))
    assert answer.reranked == len(COLOURS)
    assert {hit.dual_rank for hit in answer.hits} == set(range(1, len(COLOURS) + 1))
    assert order(library) == naive(library, rerankers.encoder, 50)
    assert order(library, rerank=3) == naive(library, rerankers.encoder, 3)
    assert rerankers.loads == 1


def test_it_can_be_turned_off(library: Library, rerankers: FakeRerankers) -> None:
    answer = library.answer(QueryRequest.of("red", {"rerank": 0}))
    assert answer.reranked == 0
    assert all(hit.rerank_score is None and hit.dual_rank is None for hit in answer.hits)
    assert rerankers.loads == 0


def test_one_that_does_not_help_is_used_only_when_asked_for(home: Path, album: Path) -> None:
    with fake_library(home, rerankers=FakeRerankers(measured_lift=0.0)) as library:
        assert library.answer(QueryRequest.of("red", {})).reranked == 0
        assert library.answer(QueryRequest.of("red", {"rerank": 4})).reranked == 4


def test_without_a_reranker_nothing_changes_and_asking_is_refused(home: Path, album: Path) -> None:
    with fake_library(home) as library:
        assert library.reranker() is None
        assert library.answer(QueryRequest.of("red", {})).reranked == 0
        with pytest.raises(QueryError, match="no reranker"):
            library.query("red", rerank=10)


def test_what_may_rerank_is_told(library: Library) -> None:
    told = library.reranker()
    assert told is not None
    assert (told.name, told.default_depth, told.measured_lift) == ("fake/reranker", 50, 2.0)


def test_missing_features_are_made_once_and_kept(
    home: Path, library: Library, models: FakeModels
) -> None:
    library.query("red")
    library.query("blue")
    assert models.region_encoders["fake"].n_with_regions == len(COLOURS)
    fresh = FakeModels()
    with fake_library(home, fresh, rerankers=FakeRerankers()) as again:
        again.query("green")
    assert "fake with regions" not in fresh.loads


def test_a_picture_that_is_gone_or_another_keeps_its_place(library: Library, album: Path) -> None:
    dual = order(library, rerank=0)
    (album / f"{dual[2]}.png").unlink()
    photo(album / f"{dual[4]}.png", "white", 77)
    hits = library.query("red")
    assert (hits[2].media.path.stem, hits[2].rerank_score) == (dual[2], None)
    assert (hits[4].media.path.stem, hits[4].rerank_score) == (dual[4], None)
    assert sum(hit.rerank_score is not None for hit in hits) == len(COLOURS) - 2


def test_pages_join(library: Library) -> None:
    whole = library.query("red", rerank=5, k=50)
    pages = [hit for at in range(0, 9, 3) for hit in library.query("red", rerank=5, k=3, offset=at)]
    assert pages == whole


def test_a_picture_ranks_captions(library: Library, album: Path, tmp_path: Path) -> None:
    """Catalogued, as a file from elsewhere, and as prepared bytes: the same features."""
    outside = photo(tmp_path / "outside.png", "green", 99)
    prepared = library.prepare_picture(outside.read_bytes())
    assert prepared.regions is not None
    for options in (
        {"like": media_id(library, album / "green.png")},
        {"image": album / "green.png"},
        {"image": outside},
        {"image": prepared},
    ):
        hits = library.query_captions(**options)  # type: ignore[arg-type]
        assert all(hit.rerank_score is not None for hit in hits)
        assert hits[0].caption.text == "green"
    before = library.query_captions(image=outside, rerank=0)
    assert {hit.caption.caption_id for hit in before} == {hit.caption.caption_id for hit in hits}


def test_what_cannot_be_reranked_is_left_alone_or_refused(library: Library, album: Path) -> None:
    picture = album / "red.png"
    assert library.answer(QueryRequest.of(None, {"image": picture})).reranked == 0
    assert library.answer_captions(QueryRequest.of("red", {})).reranked == 0
    with pytest.raises(QueryError, match="plus or minus"):
        library.query("red", plus=["blue"], rerank=10)


def test_min_score_is_about_the_cosine(library: Library) -> None:
    hits = library.query("red", min_score=0.5, k=50)
    assert 0 < len(hits) < len(COLOURS)
    assert all(hit.score >= 0.5 and hit.rerank_score is not None for hit in hits)


@pytest.mark.parametrize("budget_ms", [60.0, 150.0])
def test_a_budget_is_kept_within_a_fifth(
    library: Library, photos: Path, rerankers: FakeRerankers, budget_ms: float
) -> None:
    """The pairs scored fit in it; what was not scored stays behind them, in order."""
    for number in range(60):
        photo(photos / f"more {number}.png", "red", 100 + number)
    library.index(photos)
    dual = [hit.media.path for hit in library.query("red", k=100, rerank=0)]
    library.query("blue", k=100, rerank=100)  # makes the features
    rerankers.encoder.pause_s = 0.004
    library.query("green", rerank=100, budget_ms=budget_ms)  # learns the pace
    rerankers.encoder.calls.clear()
    request = QueryRequest.of("red", {"k": 100, "rerank": 100, "budget_ms": budget_ms})
    answer = library.answer(request)
    n = answer.reranked
    assert n == sum(rerankers.encoder.calls)
    assert 0 < n < len(dual)
    assert n * 4 <= 1.2 * budget_ms
    assert {hit.media.path for hit in answer.hits[:n]} == set(dual[:n])
    assert [hit.media.path for hit in answer.hits[n:]] == dual[n:]


def test_a_small_budget_makes_missing_features_bit_by_bit(
    library: Library, models: FakeModels
) -> None:
    """Each question makes some: an index from before rerankers becomes complete by use."""
    library.query("red", budget_ms=1.0)
    assert "fake" not in models.region_encoders
    for text in ("red", "green", "blue", "cyan", "white"):
        library.query(text, budget_ms=100.0)
    assert models.region_encoders["fake"].n_with_regions > 0


def test_an_index_in_a_copy_is_reranked_alike(home: Path, library: Library) -> None:
    first = order(library)
    shutil.copytree(home, home.parent / "copy")
    with fake_library(home.parent / "copy", rerankers=FakeRerankers()) as copy:
        assert order(copy) == first


def test_what_lies_near_every_question_is_held_back(home: Path, album: Path) -> None:
    """A bank of one question, "red", held against it wholly: red pictures lose their cosine."""
    encoder = FakeCrossEncoder(fusion=Fusion(1.0, 1.0, image_hubness=1.0, temperature=0.01))
    with fake_library(home, rerankers=FakeRerankers(encoder=encoder)) as library:
        free = {hit.media.path.stem: hit for hit in library.query("red")}
    words = FakeModels().load("fake").encode_texts(["red"])
    encoder.bank = QueryBank(words, np.empty((0, words.shape[1]), np.float32))
    with fake_library(home, rerankers=FakeRerankers(encoder=encoder)) as library:
        for hit in library.query("red"):
            before = free[hit.media.path.stem]
            lost = (before.rerank_score or 0) - (hit.rerank_score or 0)
            assert lost == pytest.approx(hit.score, abs=1e-3)
