"""Filters, pages and facets, through whole libraries."""

from __future__ import annotations

import os
import shutil
from datetime import date, datetime
from pathlib import Path

import pytest
from PIL import Image

from mmsearch.engine.library import Library
from mmsearch.engine.records import IndexOptions
from mmsearch.engine.request import QueryRequest
from mmsearch.errors import QueryError
from mmsearch.types import Orientation
from tests.fakes import COLOURS
from tests.photos import photo

N_ALIKE = 30


@pytest.fixture
def album(library: Library, photos: Path) -> Path:
    """Three shapes and formats, each from another year by its file's time."""
    for name, size, colour, year in (
        ("wide.png", (40, 20), "red", 2001),
        ("tall.jpg", (20, 40), "red", 2011),
        ("square.webp", (30, 30), "blue", 2021),
    ):
        Image.new("RGB", size, COLOURS[colour]).save(photos / name)
        moment = datetime(year, 6, 15, 12).timestamp()
        os.utime(photos / name, (moment, moment))
    library.index(photos)
    return photos


@pytest.fixture
def alike(library: Library, photos: Path) -> Path:
    """Many pictures with nearly the same score, and copies, which share one."""
    for seed in range(N_ALIKE):
        photo(photos / f"{seed}.png", "red", seed)
    for seed in range(0, N_ALIKE, 3):
        shutil.copy(photos / f"{seed}.png", photos / f"{seed} copy.png")
    library.index(photos)
    return photos


def names(library: Library, **options: object) -> set[str]:
    """The files found for "red"."""
    return {hit.media.path.name for hit in library.query("red", **options)}  # type: ignore[arg-type]


def test_filters_narrow_what_is_found(library: Library, album: Path) -> None:
    everything = {"wide.png", "tall.jpg", "square.webp"}
    assert names(library) == everything
    assert names(library, formats=["jpg", "PNG"]) == {"wide.png", "tall.jpg"}
    assert names(library, orientation="square") == {"square.webp"}
    assert names(library, taken_from=date(2011, 6, 15)) == {"tall.jpg", "square.webp"}
    assert names(library, taken_to=datetime(2011, 6, 15, 0, 0)) == {"wide.png", "tall.jpg"}
    assert names(library, under=album, taken_to=date(2005, 1, 1)) == {"wide.png"}


def test_the_best_of_what_passes_comes_first(library: Library, album: Path) -> None:
    """Filters reach the vector search: a worse picture is found though better ones do not pass."""
    (hit,) = library.query("red", formats=["webp"], k=1)
    assert (hit.rank, hit.media.path.name) == (1, "square.webp")


def test_filters_that_leave_nothing_are_an_empty_answer(library: Library, album: Path) -> None:
    request = QueryRequest.of("red", {"formats": ["gif"], "under": album})
    answer = library.answer(request)
    assert (answer.hits, answer.n_candidates, answer.matches) == ((), 0, None)
    with pytest.raises(QueryError, match="nothing is indexed under"):
        library.answer(QueryRequest.of("red", {"formats": ["png"], "under": album / "none"}))


def test_an_answer_tells_how_many_were_searched(library: Library, album: Path) -> None:
    assert library.answer(QueryRequest.of("red", {"k": 1})).n_candidates == 3
    portrait = QueryRequest.of("red", {"orientation": Orientation.PORTRAIT})
    assert library.answer(portrait).n_candidates == 1


def test_captions_are_filtered_by_their_pictures(
    library: Library, album: Path, tmp_path: Path
) -> None:
    table = tmp_path / "c.csv"
    table.write_text("file,caption\nwide.png,red and wide\ntall.jpg,red and tall\n", "utf-8")
    library.index(album, IndexOptions(captions=(table,)))
    found = library.query_captions("red", orientation="portrait")
    assert [hit.caption.text for hit in found] == ["red and tall"]
    answer = library.answer_captions(QueryRequest.of("red", {"k": 1, "offset": 1}))
    assert ([hit.rank for hit in answer.hits], answer.n_candidates) == ([2], 2)


@pytest.mark.parametrize("page", [1, 4, 7, N_ALIKE, 100])
def test_pages_join_without_gap_or_overlap(library: Library, alike: Path, page: int) -> None:
    whole = library.answer(QueryRequest.of("red", {"k": 1000}))
    assert len(whole.hits) == N_ALIKE
    joined = []
    for offset in range(0, N_ALIKE + page, page):
        answer = library.answer(QueryRequest.of("red", {"k": page, "offset": offset}))
        assert answer.generation == whole.generation
        joined += answer.hits
    assert tuple(joined) == whole.hits
    assert [hit.rank for hit in joined] == list(range(1, N_ALIKE + 1))


def test_pages_of_a_picture_leave_it_out_once(library: Library, alike: Path) -> None:
    picture = alike / "3.png"
    whole = library.query(image=picture, k=1000)
    pages = [hit for at in range(0, 30, 5) for hit in library.query(image=picture, k=5, offset=at)]
    assert pages == whole
    assert len(whole) == N_ALIKE - 1


def test_equal_scores_go_by_content(library: Library, photos: Path) -> None:
    """Pictures with one and the same embedding are told apart by the order of indexing."""
    for number, size in enumerate((8, 10, 12, 14, 16)):
        Image.new("RGB", (size, size), "red").save(photos / f"{number}.bmp")
        library.index(photos)
    hits = library.query("red", k=100)
    assert len({hit.score for hit in hits}) == 1
    assert [hit.media.path.name for hit in hits] == [f"{n}.bmp" for n in range(5)]
    found = [hit for at in range(5) for hit in library.query("red", k=1, offset=at)]
    assert found == hits


def test_min_score_ends_the_pages(library: Library, album: Path) -> None:
    assert names(library, min_score=0.5) == {"wide.png", "tall.jpg"}
    assert library.query("red", min_score=0.5, offset=2) == []
    assert library.query("red", offset=50) == []


def test_a_generation_lasts_until_something_is_committed(library: Library, album: Path) -> None:
    def generation() -> int:
        return library.answer(QueryRequest.of("red", {})).generation

    before = generation()
    assert generation() == before
    (album / "wide.png").rename(album / "moved.png")
    library.index(album)
    assert generation() > before


def test_facets_follow_the_index(library: Library, album: Path) -> None:
    first = library.facets()
    assert first.n_files == 3
    assert {count.format: count.n_files for count in first.formats} == {
        "PNG": 1,
        "JPEG": 1,
        "WEBP": 1,
    }
    assert (first.first_date, first.last_date) == (date(2001, 6, 15), date(2021, 6, 15))
    assert library.facets() is first
    (album / "wide.png").unlink()
    library.index(album)
    assert library.facets().n_files == 2
