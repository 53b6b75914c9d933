"""Asking real catalogues and real FAISS indexes: what is found, what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mmsearch.engine.library import Library
from mmsearch.engine.query_language import WeightedTerm
from mmsearch.errors import CatalogueError, QueryError
from tests.fakes import FakeModels
from tests.photos import bad_photo, fake_library, photo

COLOURS = ("red", "green", "blue", "yellow", "magenta", "cyan")


@pytest.fixture
def album(library: Library, photos: Path) -> Path:
    """One picture of each colour, warm ones and cold ones apart."""
    for colour in COLOURS:
        folder = "warm" if colour in ("red", "yellow", "magenta") else "cold"
        photo(photos / folder / f"{colour}.png", colour)
    library.index(photos)
    return photos


def names(library: Library, *args: object, **kwargs: object) -> list[str]:
    """The stems of the files found, best first."""
    return [hit.media.path.stem for hit in library.query(*args, **kwargs)]  # type: ignore[arg-type]


def test_ranks_count_from_one_and_scores_fall(library: Library, album: Path) -> None:
    hits = library.query("red", k=4)
    assert [hit.rank for hit in hits] == [1, 2, 3, 4]
    assert sorted((hit.score for hit in hits), reverse=True) == [hit.score for hit in hits]
    assert hits[0].score == pytest.approx(1.0, abs=0.02)


def test_k_may_exceed_what_there_is(library: Library, album: Path) -> None:
    assert len(library.query("red", k=1000)) == len(COLOURS)


def test_min_score_leaves_out_what_is_worse(library: Library, album: Path) -> None:
    hits = library.query("red", min_score=0.9)
    assert [hit.media.path.stem for hit in hits] == ["red"]
    assert library.query("red", min_score=1.5) == []


def test_under_searches_one_folder_or_file(library: Library, album: Path) -> None:
    assert set(names(library, "red", under=album / "cold")) == {"green", "blue", "cyan"}
    assert names(library, "red", under=album / "cold/blue.png") == ["blue"]
    assert len(names(library, "red", under=album)) == len(COLOURS)
    assert len(names(library, "red", under=str(album.parent))) == len(COLOURS)


def test_under_shows_the_copy_that_lies_there(library: Library, album: Path) -> None:
    """Equal bytes have one embedding; the row shown is the one asked for."""
    shutil.copy(album / "warm/red.png", album / "cold/red copy.png")
    library.index(album)
    assert names(library, "red", k=1, under=album / "cold") == ["red copy"]
    assert names(library, "red", k=1, under=album / "warm") == ["red"]


def test_under_a_place_without_pictures_is_refused(library: Library, album: Path) -> None:
    with pytest.raises(QueryError, match="nothing is indexed under"):
        library.query("red", under=album / "nowhere")


def test_plus_and_minus_shift_the_query(library: Library, album: Path) -> None:
    assert names(library, "red", plus=["green"], minus=["blue"], k=1) == ["yellow"]
    assert names(library, "red", plus=["green:0.1"], minus=["blue:0.1"], k=1) == ["red"]
    assert names(library, "red", plus=[WeightedTerm("blue", 3.0)], k=1) == ["blue"]
    assert names(library, plus=["blue:0.5"], k=1) == ["blue"]


def test_a_picture_never_finds_itself_nor_its_copies(
    library: Library, album: Path, tmp_path: Path
) -> None:
    shutil.copy(album / "warm/red.png", album / "cold/red copy.png")
    photo(album / "warm/also red.png", "red", seed=5)
    library.index(album)
    assert names(library, image=album / "warm/red.png", k=1) == ["also red"]
    outside = shutil.copy(album / "warm/red.png", tmp_path / "outside.png")
    assert names(library, image=outside, k=1) == ["also red"]
    assert len(names(library, image=outside, k=100)) == len(COLOURS)


def test_a_picture_that_changed_since_indexing_is_not_found_by_itself(
    library: Library, album: Path
) -> None:
    """Its path is its own, whatever bytes are catalogued there."""
    photo(album / "warm/red.png", "red", seed=8)
    assert "red" not in names(library, image=album / "warm/red.png", k=100)


def test_an_indexed_picture_is_not_decoded_again(home: Path, library: Library, album: Path) -> None:
    fresh = FakeModels()
    with fake_library(home, fresh) as other:
        other.query(image=album / "warm/red.png")
    assert fresh.loads == []


def test_a_picture_from_elsewhere_is_embedded(
    library: Library, album: Path, tmp_path: Path
) -> None:
    assert names(library, image=photo(tmp_path / "new.png", "cyan", seed=3), k=1) == ["cyan"]


def test_text_and_picture_ask_together(library: Library, album: Path, tmp_path: Path) -> None:
    red = photo(tmp_path / "new.png", "red", seed=3)
    assert names(library, "green", image=red, minus=["blue"], k=1) == ["yellow"]


def test_an_unreadable_query_picture_is_refused(
    library: Library, album: Path, tmp_path: Path
) -> None:
    with pytest.raises(QueryError, match=r"bad\.png cannot be used"):
        library.query(image=bad_photo(tmp_path / "bad.png"))
    with pytest.raises(QueryError, match="no query picture at"):
        library.query(image=tmp_path / "missing.png")
    with pytest.raises(QueryError, match="no query picture at"):
        library.query(image=tmp_path)


@pytest.mark.parametrize("k", [0, -3])
def test_k_below_one_is_refused(library: Library, album: Path, k: int) -> None:
    with pytest.raises(QueryError, match="at least 1"):
        library.query("red", k=k)


def test_a_min_score_that_is_no_number_is_refused(library: Library, album: Path) -> None:
    with pytest.raises(QueryError, match="min_score"):
        library.query("red", min_score=float("nan"))


def test_an_empty_query_is_refused_before_the_index_is_looked_for(library: Library) -> None:
    with pytest.raises(QueryError, match="empty"):
        library.query("  ")


def test_without_an_index_the_way_out_is_named(library: Library) -> None:
    for ask in (lambda: library.query("red"), library.status, library.failures):
        with pytest.raises(CatalogueError, match="mmsearch index PATH"):
            ask()


def test_an_index_of_nothing_is_empty(library: Library, photos: Path) -> None:
    library.index(photos)
    with pytest.raises(CatalogueError, match="is empty"):
        library.query("red")


def test_an_index_whose_pictures_all_left_is_empty(library: Library, album: Path) -> None:
    assert library.remove(album) == len(COLOURS)
    with pytest.raises(CatalogueError, match="is empty"):
        library.query("red")
    assert library.status().roots == ()


def test_what_was_removed_is_not_found(library: Library, album: Path) -> None:
    assert library.remove(album / "warm") == 3
    assert library.remove(album / "warm") == 0
    assert set(names(library, "red")) == {"green", "blue", "cyan"}


def test_what_another_process_indexed_is_found_at_once(
    home: Path, library: Library, album: Path
) -> None:
    """An open library sees each change at its next question."""
    assert names(library, "black", k=1) != ["black"]
    with fake_library(home) as other:
        photo(album / "cold/black.png", "black")
        (album / "warm/red.png").unlink()
        other.index(album)
    assert names(library, "black", k=1) == ["black"]
    assert "red" not in names(library, "red")


@pytest.mark.parametrize("damage", ["deleted", "cut", "foreign"])
def test_vector_files_are_only_a_cache(home: Path, album: Path, damage: str) -> None:
    """Deleted, cut short or replaced by something else: the answers are the same."""
    with fake_library(home) as library:
        before = [(hit.media.path, hit.score) for hit in library.query("red")]
    for file in home.rglob("*.faiss"):
        if damage == "deleted":
            file.unlink()
        elif damage == "cut":
            file.write_bytes(file.read_bytes()[:100])
        else:
            file.write_bytes(b"something else entirely")
    with fake_library(home) as library:
        assert [(hit.media.path, hit.score) for hit in library.query("red")] == before


def test_copies_of_a_library_find_the_same(home: Path, library: Library, album: Path) -> None:
    """Two indexes of one home do not know each other."""
    with fake_library(home, index="second") as second:
        second.index(album / "cold")
        assert second.status().n_files == 3
    assert library.status().n_files == len(COLOURS)
