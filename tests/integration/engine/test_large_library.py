"""A library large enough for lists, forced at a few pictures: exactness, pages, optimizing."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmsearch.engine.library import Library
from mmsearch.engine.request import QueryRequest
from mmsearch.types import Modality
from mmsearch.vectors.looks import Tier
from mmsearch.vectors.recipes import ListsRecipe, Recipe
from tests.photos import photo

COLOURS = ("red", "green", "blue", "yellow")
SIZES = range(16, 31)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch, library: Library, photos: Path) -> Library:
    """60 pictures in lists, all of which every question looks into."""
    lists = ListsRecipe(1, n_probed=1)
    recipes = (Recipe("exact", "SQfp16", 0), Recipe("lists", "SQfp16", 20, lists))
    monkeypatch.setattr("mmsearch.vectors.recipes.RECIPES", recipes)
    monkeypatch.setattr("mmsearch.vectors.faiss_index.SMALL", 10)
    monkeypatch.setattr("mmsearch.vectors.base.FEW", 5)
    monkeypatch.setattr("mmsearch.vectors.listed.TIERS", (Tier(16, 60, 1), Tier(32, 128, 1)))
    monkeypatch.setattr("mmsearch.vectors.files.CHECKED_AT_ONCE", 0)
    monkeypatch.setattr("mmsearch.vectors.manifest.SAMPLES", 2)
    monkeypatch.setattr("mmsearch.vectors.manifest.SAMPLE_BYTES", 256)
    for colour in COLOURS:
        for size in SIZES:
            photo(photos / colour / f"{size}.png", colour, size=size)
    library.index(photos)
    return library


def ask(library: Library, **options: object) -> QueryRequest:
    return QueryRequest.of("red", options)  # type: ignore[arg-type]


def damage_codes(home: Path) -> None:
    """Flip a bit that is not looked at when the file is opened."""
    [file] = home.rglob("*-image.faiss")
    data = bytearray(file.read_bytes())
    data[300] ^= 16
    file.unlink()
    file.write_bytes(data)


def test_an_answer_says_whether_it_is_exact(large: Library, photos: Path) -> None:
    usual = large.answer(ask(large, k=10))
    exact = large.answer(ask(large, k=10, exact=True))
    few = large.answer(ask(large, k=10, under=photos / "red", formats=("png",)))
    assert (usual.exact, exact.exact) == (False, True)
    assert [hit.media for hit in usual.hits] == [hit.media for hit in exact.hits]
    assert {hit.media.path.parent.name for hit in few.hits} == {"red"}


def test_pages_of_a_large_library_join(large: Library) -> None:
    whole = [hit.media.media_id for hit in large.answer(ask(large, k=60)).hits]
    pages = [
        hit.media.media_id
        for offset in range(0, 60, 7)
        for hit in large.answer(ask(large, k=7, offset=offset)).hits
    ]
    assert len(set(pages)) == 60
    assert pages == whole


def test_status_tells_how_it_is_searched(large: Library) -> None:
    [space] = large.status().spaces
    [images] = [file for file in space.vectors if file.modality is Modality.IMAGE]
    assert (images.recipe, images.n_rows, images.exact) == ("lists", 60, False)
    assert images.size_bytes > 0


def test_new_pictures_are_found_at_once_and_optimizing_takes_them_in(
    large: Library, photos: Path
) -> None:
    before = large.answer(ask(large, k=99))
    added = photo(photos / "red" / "new.png", "red", size=40)
    large.index(photos)
    answer = large.answer(ask(large, k=99))
    assert len(answer.hits) == len(before.hits) + 1
    assert added in {hit.media.path for hit in answer.hits}
    [space] = large.status().spaces
    assert space.vectors[0].n_recent == 1
    assert len(large.optimize().rebuilt) == 1
    [space] = large.status().spaces
    assert (space.vectors[0].n_recent, space.vectors[0].n_rows) == (0, 61)
    assert large.optimize().rebuilt == ()
    again = large.answer(ask(large, k=99))
    assert [hit.media for hit in again.hits] == [hit.media for hit in answer.hits]
    assert large.verify().sound


def test_a_damaged_block_is_seen_when_it_is_first_searched_and_made_anew(
    large: Library, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damage_codes(home)
    answer = large.answer(ask(large, k=10, exact=True))
    assert "does not fit its checksum" in caplog.text
    assert {hit.media.path.parent.name for hit in answer.hits} == {"red"}
    again = large.answer(ask(large, k=10, exact=True))
    assert [hit.media for hit in again.hits] == [hit.media for hit in answer.hits]


def test_an_indexing_run_makes_a_damaged_file_anew_though_it_sees_that_late(
    large: Library, home: Path, photos: Path
) -> None:
    damage_codes(home)
    for size in range(40, 70):
        photo(photos / "red" / f"{size}.png", "red", size=size)
    assert large.index(photos).added == 30
    assert large.verify().sound
    assert len(large.answer(ask(large, k=99)).hits) == 90


def test_optimizing_makes_a_damaged_file_anew_though_it_sees_that_late(
    large: Library, home: Path, photos: Path
) -> None:
    photo(photos / "red" / "new.png", "red", size=40)
    large.index(photos)
    damage_codes(home)
    assert len(large.optimize().rebuilt) == 1
    assert large.verify().sound
    assert not large.answer(ask(large, k=10)).exact
