"""Filters by day, format and shape: which files pass, and which file of a picture is shown."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest

from mmsearch.catalogue import CaptionEntry, CatalogueBatch
from mmsearch.types import NO_FILTERS, Filters, MediaMetadata, Orientation
from tests.catalogue_rows import dated_file, make_space


def ns(text: str) -> int:
    """A local time in nanoseconds since 1970."""
    return int(datetime.fromisoformat(text).timestamp()) * 10**9


FILES = {
    "old.jpg": (
        MediaMetadata(40, 30, "JPEG", datetime(1999, 12, 31, 23, 59, 59)),
        ns("2024-05-05"),
    ),
    "new.png": (MediaMetadata(30, 40, "PNG", datetime(2024, 2, 29, 0, 0)), ns("2010-01-01")),
    "undated.webp": (MediaMetadata(30, 30, "WEBP"), ns("2020-06-15T12:00")),
    "future.gif": (MediaMetadata(31, 30, "GIF"), 2**62),
}


@pytest.fixture
def filled(catalogue, root):
    """Four files whose days, formats and shapes all differ."""
    entries = tuple(dated_file(name, name, *about) for name, about in FILES.items())
    catalogue.apply(CatalogueBatch(root.root_id, entries, space=make_space()))
    return catalogue


def passing(catalogue, **filters: object) -> set[str]:
    """The names of the files that pass."""
    asked = Filters(**filters)
    ids = catalogue.allowed_contents(asked)
    assert ids.dtype == np.int64
    assert ids.tolist() == sorted(set(ids.tolist()))
    shown = catalogue.media_for_contents(ids, asked)
    assert set(shown) == set(ids.tolist())
    return {media.path.name for media in shown.values()}


def test_without_filters_everything_passes(filled):
    assert passing(filled) == set(FILES)


@pytest.mark.parametrize(
    ("first", "last", "names"),
    [
        (date(1999, 12, 31), date(1999, 12, 31), {"old.jpg"}),
        (date(2000, 1, 1), date(2024, 2, 28), {"undated.webp"}),
        (date(2024, 2, 29), None, {"new.png", "future.gif"}),
        (date(2020, 6, 15), date(2020, 6, 15), {"undated.webp"}),
        (date(2020, 6, 16), date(2024, 2, 28), set()),
        (None, date(2020, 6, 14), {"old.jpg"}),
        (date.min, date.max, set(FILES)),
    ],
)
def test_days_are_the_cameras_or_else_the_files_and_inclusive(filled, first, last, names):
    assert passing(filled, taken_from=first, taken_to=last) == names


def test_a_day_passes_exactly_the_files_that_are_dated_so(filled):
    """`MediaRecord.date`, which people see, and the filter agree."""
    for media in filled.media_for_contents(filled.allowed_contents()).values():
        if media.date is not None:
            there = passing(filled, taken_from=media.date, taken_to=media.date)
            assert media.path.name in there


@pytest.mark.parametrize(
    ("formats", "names"),
    [
        (("JPEG",), {"old.jpg"}),
        (("jpg", " .PNG "), {"old.jpg", "new.png"}),
        (("Webp", "gif", "tif"), {"undated.webp", "future.gif"}),
        (("raw",), set()),
    ],
)
def test_formats_go_by_name_or_suffix_in_any_case(filled, formats, names):
    assert passing(filled, formats=formats) == names


@pytest.mark.parametrize(
    ("orientation", "names"),
    [
        (Orientation.LANDSCAPE, {"old.jpg", "future.gif"}),
        (Orientation.PORTRAIT, {"new.png"}),
        (Orientation.SQUARE, {"undated.webp"}),
    ],
)
def test_orientation_is_the_upright_pictures(filled, orientation, names):
    assert passing(filled, orientation=orientation) == names


def test_all_filters_hold_together(filled):
    asked = {"under": Path("/photos"), "formats": ("jpg", "png"), "taken_from": date(2000, 1, 1)}
    assert passing(filled, **asked) == {"new.png"}
    assert passing(filled, **asked, orientation=Orientation.SQUARE) == set()


def test_of_equal_bytes_the_file_that_passes_is_shown(catalogue, root):
    """Two files of one picture without a day of its own: their own days decide."""
    about = MediaMetadata(4, 3, "PNG")
    entries = (
        dated_file("first", "same", about, ns("2010-01-01")),
        dated_file("second", "same", about, ns("2020-01-01")),
    )
    catalogue.apply(CatalogueBatch(root.root_id, entries, space=make_space()))
    assert passing(catalogue) == {"first"}
    assert passing(catalogue, taken_from=date(2015, 1, 1)) == {"second"}
    assert passing(catalogue, taken_to=date(2015, 1, 1)) == {"first"}


def test_captions_pass_with_their_file_and_free_ones_without_filters_only(filled):
    ids = filled.allowed_contents()
    files = {media.path.name: media for media in filled.media_for_contents(ids).values()}
    texts = {"old": files["old.jpg"].media_id, "new": files["new.png"].media_id, "free": None}
    added = filled.add_captions([CaptionEntry(text, owner) for text, owner in texts.items()])
    by_text = dict(zip(texts, added.ids.tolist(), strict=True))
    assert filled.allowed_captions(NO_FILTERS).tolist() == sorted(by_text.values())
    assert filled.allowed_captions(Filters(formats=("png",))).tolist() == [by_text["new"]]
    assert filled.allowed_captions(Filters(under=Path("/photos/old.jpg"))).tolist() == [
        by_text["old"]
    ]


def test_a_file_is_found_by_its_id_while_it_is_there(filled):
    ids = filled.allowed_contents()
    for media in filled.media_for_contents(ids).values():
        assert filled.media(media.media_id) == media
    assert filled.media(10**12) is None


def test_a_snapshot_sees_one_state_whatever_is_committed_meanwhile(filled, root):
    from mmsearch.catalogue import Catalogue

    with Catalogue.open(filled.path) as reader:
        with reader.snapshot():
            generation, before = reader.generation, reader.counts()
            new = dated_file("more.jpg", "more", MediaMetadata(4, 3, "JPEG"))
            filled.apply(CatalogueBatch(root.root_id, (new,), space=make_space()))
            assert (reader.generation, reader.counts()) == (generation, before)
        assert reader.generation > generation
        assert reader.counts().files == before.files + 1
